return Object.keys(vo.rows);
