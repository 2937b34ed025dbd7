// Another classic.
// limits: wall_ms = 60000
return /^(a|aa)+$/.test('a'.repeat(200) + 'b');
