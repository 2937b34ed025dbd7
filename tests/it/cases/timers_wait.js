const order = [], begin = Date.now();
const wait = (ms, value) => new Promise((done) => setTimeout(done, ms, value));
setImmediate((...args) => order.push(["immediate", ...args]), 1, 2);
clearImmediate(setImmediate(() => order.push("never")));
setTimeout(() => order.push("zero"));
order.push(await wait(50, "waited"), Date.now() - begin);
await Promise.all([wait(30), wait(20), wait(10)]);
order.push(Date.now() - begin);
for await (const value of (async function* () { yield wait(5, "a"); yield wait(5, "b"); })()) order.push(value);
order.push(Date.now() - begin, await Promise.race([wait(1000, "late"), wait(7, "early")]), Date.now() - begin);
try { setImmediate("x"); } catch (error) { order.push(error.message); }
return order;
