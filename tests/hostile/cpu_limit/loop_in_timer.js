// In a timer's function.
setTimeout(() => {
  for (;;) {}
}, 0);
await new Promise(() => {});
