// A list with two thousand million places, and each filled.
// limits: cpu_ms = 3000, wall_ms = 20000
return Array.from({ length: 2 ** 31 }, (_, i) => 'x'.repeat(1000) + i).length;
