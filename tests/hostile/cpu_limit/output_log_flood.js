// Ten million lines.
for (let i = 0; i < 1e7; i++) console.log('line', i);
