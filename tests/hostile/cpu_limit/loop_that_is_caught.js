// A limit must not be caught.
for (;;) {
  try {
    for (;;) {}
  } catch {}
}
