setTimeout(function tick() { throw new Error("in a timer"); }, 5);
await new Promise(() => {});
