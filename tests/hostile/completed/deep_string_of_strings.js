// Strings put together from the left, and read.
// limits: cpu_ms = 10000, wall_ms = 60000
let t = '';
for (let i = 0; i < 1e5; i++) t = 'x' + t;
return t.length;
