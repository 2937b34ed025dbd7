// What is thrown is a proxy that throws.
throw new Proxy(new Error('x'), {
  get() {
    throw new Error('again');
  },
});
