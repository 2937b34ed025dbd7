// The classic.
// limits: wall_ms = 60000
return /(a+)+$/.test('a'.repeat(60) + 'b');
