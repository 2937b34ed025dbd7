// Errors that are kept.
// limits: cpu_ms = 3000, wall_ms = 20000
const list = [];
for (;;) list.push(new Error('x'.repeat(100)));
