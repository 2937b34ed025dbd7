// A limit runs finally blocks, or does it?
try {
  for (;;) {}
} finally {
  for (;;) {}
}
