// Host calls without an end.
// limits: cpu_ms = 10000, wall_ms = 60000
for (;;) utils.getParameter('x');
