// Never long without giving way.
for (;;) await 0;
