// The same after awaits.
async function f() {
  try {
    for (;;) await 0;
  } finally {
    for (;;) {}
  }
}
await f();
