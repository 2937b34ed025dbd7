// A text of brackets.
// limits: cpu_ms = 3000, wall_ms = 20000
return JSON.parse('['.repeat(1e5) + ']'.repeat(1e5)).length;
