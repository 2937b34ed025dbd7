// A list in a list, a hundred thousand deep.
// limits: cpu_ms = 10000, wall_ms = 60000, memory_mb = 256
let a = [];
for (let i = 0; i < 1e4; i++) a = [a];
return JSON.stringify(a).length;
