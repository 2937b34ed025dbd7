// Many timers.
for (;;) await new Promise((done) => setTimeout(done, 10));
