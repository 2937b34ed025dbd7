// A result of a gigabyte.
let t = 'x'.repeat(64);
while (t.length < 2 ** 30) t += t;
return t;
