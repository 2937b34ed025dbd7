// A native function that calls back a million times.
const list = Array.from({ length: 200_000 }, (_, i) => i);
for (;;) list.sort(() => Math.random() - 0.5);
