// A list of what never ends.
// limits: cpu_ms = 3000, wall_ms = 20000
let i = 0;
return [...(function* () {
  for (;;) yield 'x'.repeat(1000) + i++;
})()];
