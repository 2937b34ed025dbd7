// Each error is caught.
// limits: cpu_ms = 3000, wall_ms = 20000
for (;;) {
  try {
    utils.getSignedUrl('', '');
  } catch {}
}
