// Functions that remember functions.
// limits: cpu_ms = 3000, wall_ms = 20000
let f = () => 0;
for (;;) {
  const g = f, t = 'x'.repeat(1000) + Math.random();
  f = () => [g, t];
}
