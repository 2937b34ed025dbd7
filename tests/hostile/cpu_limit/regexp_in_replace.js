// Many small backtracks.
// limits: wall_ms = 60000
return 'x'.repeat(100_000).replace(/x*x*x*y/g, '').length;
