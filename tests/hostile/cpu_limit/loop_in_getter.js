// Inside a property.
({
  get x() {
    for (;;) {}
  },
}).x;
