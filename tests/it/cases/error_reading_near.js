return vo.MesageSid.length;
