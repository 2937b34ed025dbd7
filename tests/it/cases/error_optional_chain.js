const first = vo.rows?.[0];
return vo?.message.text;
