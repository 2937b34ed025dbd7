const order = [];
setTimeout(() => order.push("b"), 2);
setTimeout((x) => order.push(x), 1, "a");
setTimeout(() => order.push("b2"), 2);
const cancelled = setTimeout(() => order.push("never"), 1);
clearTimeout(cancelled);
clearTimeout(999); clearTimeout(undefined); clearInterval("x");
queueMicrotask(() => order.push("micro"));
Promise.resolve().then(() => order.push("promise"));
let ticks = 0;
await new Promise((done) => {
  const interval = setInterval(() => {
    order.push(`tick${++ticks}`);
    if (ticks === 3) { clearInterval(interval); done(); }
  }, 3);
});
try { setTimeout("code"); } catch (error) { order.push(error.message); }
return order;
