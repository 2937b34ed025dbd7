// An error with a message of megabytes.
// limits: cpu_ms = 3000, wall_ms = 20000, memory_mb = 256
throw new Error('x'.repeat(5 << 20));
