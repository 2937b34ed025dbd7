// While the console looks at it.
console.log(new Proxy({ a: 1 }, {
  ownKeys() {
    for (;;) {}
  },
}));
