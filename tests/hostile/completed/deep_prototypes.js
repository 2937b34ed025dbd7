// A hundred thousand prototypes.
// limits: cpu_ms = 10000, wall_ms = 60000, memory_mb = 256
let p = {};
for (let i = 0; i < 1e5; i++) p = Object.create(p);
return p.x;
