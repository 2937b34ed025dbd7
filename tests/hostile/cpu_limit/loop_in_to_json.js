// Inside JSON.stringify.
JSON.stringify({
  toJSON() {
    for (;;) {}
  },
});
