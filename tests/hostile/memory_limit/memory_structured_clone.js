// Copies.
// limits: cpu_ms = 3000, wall_ms = 20000
const list = [Array(1000).fill('x'.repeat(100))];
for (;;) list.push(structuredClone(list[0]));
