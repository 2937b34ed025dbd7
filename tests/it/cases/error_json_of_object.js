const data = JSON.parse(vo);
