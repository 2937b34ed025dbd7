// Bound, and bound again.
// limits: cpu_ms = 3000, wall_ms = 20000, memory_mb = 256
let f = () => 1;
for (let i = 0; i < 1e5; i++) f = f.bind(null);
return f();
