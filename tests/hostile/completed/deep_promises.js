// A promise of a promise.
// limits: cpu_ms = 10000, wall_ms = 60000, memory_mb = 256
let p = Promise.resolve(1);
for (let i = 0; i < 1e4; i++) p = p.then((x) => Promise.resolve(x));
return p;
