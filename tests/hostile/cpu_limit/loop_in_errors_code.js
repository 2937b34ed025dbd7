// While the host reads the error's code.
throw Object.defineProperty(new Error('x'), 'code', {
  get() {
    for (;;) {}
  },
});
