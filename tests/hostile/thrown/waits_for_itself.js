// A promise that waits for itself.
const p = (async () => {
  await null;
  return p;
})();
return p;
