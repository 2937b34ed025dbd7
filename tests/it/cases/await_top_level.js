const first = await Promise.resolve(1);
const second = await (async () => { await null; return first + 1; })();
const all = await Promise.all([1, Promise.resolve(2)]);
for await (const x of (async function* () { yield 3; })()) all.push(x);
return [first, second, ...all];
