// Comparisons that contradict each other: the engine's own sort fails at that.
// limits: cpu_ms = 10000, wall_ms = 60000
const list = Array.from({ length: 2000 }, (_, i) => i);
for (let i = 0; i < 5; i++) list.sort(() => Math.random() - 0.5);
return list.length;
