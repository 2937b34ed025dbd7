// The same without waiting for any.
// limits: cpu_ms = 10000, wall_ms = 60000
await Promise.all(Array.from({ length: 1e4 }, async (_, i) => sendWhatsappMessage('+39333' + (1000000 + i), 'ciao')));
