// A million messages.
// limits: cpu_ms = 10000, wall_ms = 60000
for (let i = 0; i < 1e6; i++) utils.sendWhatsappMessage('+39333' + (1000000 + i), 'ciao ' + i);
