return JSON.parse(vo.data);
