// An argument of a megabyte and more.
// limits: cpu_ms = 3000, wall_ms = 20000, memory_mb = 256
return utils.executeQuery('SELECT ? AS x', null, 'x'.repeat((1 << 20) + 1));
