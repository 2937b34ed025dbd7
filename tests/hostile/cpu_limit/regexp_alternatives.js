// Another classic.
return /^(a|aa)+$/.test('a'.repeat(200) + 'b');
