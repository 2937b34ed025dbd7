// A string that doubles.
let t = 'x';
for (;;) t += t;
