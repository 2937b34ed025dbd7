// The same, flattened.
// limits: cpu_ms = 10000, wall_ms = 60000, memory_mb = 256
let a = [];
for (let i = 0; i < 1e5; i++) a = [a];
return a.flat(Infinity).length;
