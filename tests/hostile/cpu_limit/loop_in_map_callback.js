// Inside a native function.
[1].map(function again() {
  for (;;) {}
});
