// While the host reads the error.
throw Object.assign(new Error(), {
  get name() {
    for (;;) {}
  },
});
