// Jobs without an end.
// limits: cpu_ms = 3000, wall_ms = 20000
const more = () => {
  queueMicrotask(more);
  queueMicrotask(more);
};
more();
await new Promise(() => {});
