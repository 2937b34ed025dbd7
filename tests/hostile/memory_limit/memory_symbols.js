// Symbols that are registered for ever.
// limits: cpu_ms = 3000, wall_ms = 20000
for (let i = 0; ; i++) Symbol.for('x'.repeat(100) + i);
