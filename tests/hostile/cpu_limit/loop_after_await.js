// What the engine reports after an await it swallows.
await null;
for (;;) {}
