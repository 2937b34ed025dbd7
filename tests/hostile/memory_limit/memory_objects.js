// A list of objects.
// limits: cpu_ms = 3000, wall_ms = 20000
const list = [];
for (;;) list.push({ a: 1, b: [2] });
