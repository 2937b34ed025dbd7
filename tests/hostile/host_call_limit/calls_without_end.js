// Host calls without an end.
// limits: cpu_ms = 3000, wall_ms = 20000
for (;;) utils.getParameter('x');
