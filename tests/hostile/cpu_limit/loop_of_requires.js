// Modules without an end.
for (;;) require('./lib/counter').next();
