// A large text of JSON.
// limits: cpu_ms = 3000, wall_ms = 20000
return JSON.stringify(Array(200_000).fill('x'.repeat(100))).length;
