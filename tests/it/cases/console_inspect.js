class Point { constructor() { this.x = 1; this["odd key"] = 2; } get double() { return 2; } }
const cycle = { name: "c" };
cycle.self = cycle;
console.log(new Point(), cycle, { get a() { return 1; }, set b(v) {}, [Symbol("k")]: 1 });
console.log([1, , 3], [], {}, [[[[[["deep"]]]]]], { a: { b: { c: { d: { e: 1 } } } } });
console.log(new Map([["a", { b: 1 }]]), new Set([1, "x"]), new Date(0), new Date(NaN), /a+/gi);
console.log(function named() {}, () => {}, class Shape {}, Math.max, async () => {});
console.log(Object.create(null), new Error("boom").message, [new Uint8Array([1, 2])], new Uint8Array(2));
console.log(Promise.resolve(1), Promise.reject("no").catch(() => {}), new Promise(() => {}));
console.log("it's", ["it's", 'say "hi"', "line\nbreak"], { "key": "värde" });
console.log({ description: "a long text that takes some room on the line", other: "another long text here" });
console.log(Array.from({ length: 120 }, (_, i) => i));
console.log([new Proxy({ a: 1 }, {})], new (class extends Array {})(1, 2));
