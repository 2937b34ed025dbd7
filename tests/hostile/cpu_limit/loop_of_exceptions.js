// Throwing and catching.
for (;;) {
  try {
    throw new Error('again');
  } catch {}
}
