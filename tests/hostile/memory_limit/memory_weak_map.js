// What only a weak map holds.
// limits: cpu_ms = 3000, wall_ms = 20000
const map = new WeakMap(), keys = [];
for (;;) {
  const key = {};
  keys.push(key);
  map.set(key, 'x'.repeat(100) + keys.length);
}
