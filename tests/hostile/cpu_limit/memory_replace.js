// A replacement that grows.
return 'x'.repeat(10_000).replaceAll('x', 'y'.repeat(10_000)).length;
