// A proxy whose every trap throws.
const traps = new Proxy({}, {
  get() {
    throw new Error('trapped');
  },
});
return utils.whatsapp.send(new Proxy({}, traps));
