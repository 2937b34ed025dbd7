// limits: cpu_ms = 3000, wall_ms = 20000
// Pairs without end, gathered in native code.
new URLSearchParams((function* () { for (;;) yield ["name", "x".repeat(100_000)]; })());
