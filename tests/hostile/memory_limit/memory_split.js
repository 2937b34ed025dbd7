// A text that is cut into characters.
// limits: cpu_ms = 3000, wall_ms = 20000
return 'x'.repeat(4_000_000).split('').length;
