// While an argument is written as JSON.
utils.whatsapp.send({
  get to() {
    for (;;) {}
  },
});
