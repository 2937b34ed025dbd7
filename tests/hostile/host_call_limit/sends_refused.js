// Messages to nobody count too.
// limits: cpu_ms = 10000, wall_ms = 60000
for (;;) utils.sendWhatsappMessage('hello', 'ciao');
