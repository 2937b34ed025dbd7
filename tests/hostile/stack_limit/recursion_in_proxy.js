// Through a trap.
const p = new Proxy({}, {
  get(target, key, self) {
    return self[key];
  },
});
return p.x;
