// limits: cpu_ms = 10000, wall_ms = 60000
// Thousands of millions of places without a value, and a table of many.
console.log(new Array(2 ** 32 - 1), { list: Object.assign([], { 4294967294: 1 }) });
console.table(Array.from({ length: 10_000 }, (_, i) => ({ ["key" + i]: "x".repeat(100), i })));
console.table(new Map(Array.from({ length: 10_000 }, (_, i) => [i, { deep: [i] }])));
