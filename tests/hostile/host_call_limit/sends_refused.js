// Messages to nobody count too.
// limits: cpu_ms = 3000, wall_ms = 20000
for (;;) utils.sendWhatsappMessage('hello', 'ciao');
