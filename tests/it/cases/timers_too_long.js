// More than limits.wall_ms, which is not waited for first.
await new Promise((done) => setTimeout(done, 1000));
console.log("a second");
await new Promise((done) => setTimeout(done, 4001));
