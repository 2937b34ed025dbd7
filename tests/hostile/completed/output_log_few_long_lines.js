// Lines of a megabyte are cut, and what is beyond fifty dropped.
// limits: cpu_ms = 10000, wall_ms = 60000, memory_mb = 256
const line = 'x'.repeat(1 << 20);
for (let i = 0; i < 200; i++) console.log(line);
return 'unharmed';
