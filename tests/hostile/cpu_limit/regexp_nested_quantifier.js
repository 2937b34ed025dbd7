// The classic.
return /(a+)+$/.test('a'.repeat(60) + 'b');
