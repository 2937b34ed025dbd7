// A loop limit that counts per frame does not see it.
for (const x of (function* () {
  for (;;) yield 1;
})()) {}
