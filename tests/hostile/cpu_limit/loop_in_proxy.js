// Inside a trap.
new Proxy({}, {
  get() {
    for (;;) {}
  },
}).x;
