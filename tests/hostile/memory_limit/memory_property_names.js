// An object with names without an end.
// limits: cpu_ms = 3000, wall_ms = 20000
const o = {};
for (let i = 0; ; i++) o['name ' + i] = i;
