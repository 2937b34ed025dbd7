// A list of strings.
// limits: cpu_ms = 3000, wall_ms = 20000
const list = [], t = 'x'.repeat(10000);
for (;;) list.push(t + list.length);
