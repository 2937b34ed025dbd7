// A timer beyond the time of the run.
await new Promise((done) => setTimeout(done, 60_000));
