// Promises that are never settled.
// limits: cpu_ms = 3000, wall_ms = 20000
const list = [];
for (;;) list.push(new Promise(() => {}).then(() => 1), 'x'.repeat(100) + list.length);
