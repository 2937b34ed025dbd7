const before = Date.now();
for (let i = 0; i < 1000; i++);
const same = Date.now() === before;
echo(1);
const afterCall = Date.now() - before;
await new Promise((done) => setTimeout(done, 25));
return [before, same, afterCall, Date.now() - before, new Date().toISOString(), new Date().getTimezoneOffset(),
  new Date(2024, 0, 15, 10).toISOString(), String(new Date(0)), Temporal.Now.instant().epochMilliseconds - before];
