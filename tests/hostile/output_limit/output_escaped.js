// Small in memory, large as JSON.
return ['\u0001'.repeat(20_000)];
