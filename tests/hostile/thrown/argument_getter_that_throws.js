// A getter that throws.
return utils.whatsapp.send({
  get to() {
    throw new Error('mine');
  },
});
