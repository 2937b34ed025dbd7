// The same, flattened.
// limits: cpu_ms = 3000, wall_ms = 20000, memory_mb = 256
let a = [];
for (let i = 0; i < 1e5; i++) a = [a];
return a.flat(Infinity).length;
