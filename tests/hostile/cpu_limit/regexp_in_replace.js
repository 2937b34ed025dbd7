// Many small backtracks.
return 'x'.repeat(100_000).replace(/x*x*x*y/g, '').length;
