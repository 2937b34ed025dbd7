// Each error is caught.
// limits: cpu_ms = 10000, wall_ms = 60000
for (;;) {
  try {
    utils.getSignedUrl('', '');
  } catch {}
}
