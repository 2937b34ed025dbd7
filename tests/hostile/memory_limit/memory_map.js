// A map.
// limits: cpu_ms = 3000, wall_ms = 20000
const map = new Map();
for (let i = 0; ; i++) map.set(i, 'value ' + i);
