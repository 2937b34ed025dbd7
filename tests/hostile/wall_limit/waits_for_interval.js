// An interval without an end.
await new Promise(() => setInterval(() => {}, 10));
