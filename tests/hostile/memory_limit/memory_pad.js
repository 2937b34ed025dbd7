// Another.
// limits: cpu_ms = 3000, wall_ms = 20000
return 'x'.padEnd(2 ** 29).length;
