// A pattern of brackets.
// limits: cpu_ms = 3000, wall_ms = 20000
return new RegExp('('.repeat(5e4) + ')'.repeat(5e4)).test('x');
