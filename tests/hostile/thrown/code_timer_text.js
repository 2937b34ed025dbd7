// A timer with a text.
setTimeout('for (;;) {}', 0);
