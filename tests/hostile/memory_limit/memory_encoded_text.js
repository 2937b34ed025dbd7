// Bytes of text.
// limits: cpu_ms = 3000, wall_ms = 20000
const list = [], encoder = new TextEncoder();
const t = 'x'.repeat(1_000_000);
for (;;) list.push(encoder.encode(t));
