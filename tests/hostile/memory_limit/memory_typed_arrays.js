// Buffers.
// limits: cpu_ms = 3000, wall_ms = 20000
const list = [];
for (;;) list.push(new Uint8Array(1 << 20));
