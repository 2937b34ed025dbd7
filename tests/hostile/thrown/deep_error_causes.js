// A cause of a cause.
// limits: cpu_ms = 3000, wall_ms = 20000, memory_mb = 256
let e = new Error('first');
for (let i = 0; i < 1e5; i++) e = new Error('next', { cause: e });
throw e;
