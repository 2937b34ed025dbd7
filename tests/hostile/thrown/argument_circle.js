// What contains itself.
const o = {};
o.o = o;
return utils.whatsapp.send(o);
