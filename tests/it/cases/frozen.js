const roots = { globalThis, "async function": async function () {}, "generator": function* () {},
  "async generator": async function* () {}, "iterator": [].values(), "map": new Map().keys(), "set": new Set().keys(),
  "string": ""[Symbol.iterator](), "matchAll": "a".matchAll(/a/g), "helper": [].values().map((x) => x),
  "wrapped": Iterator.from({ next() {} }), "generator object": Object.getPrototypeOf((function* () {})()),
  "async generator object": Object.getPrototypeOf((async function* () {})()), "arguments": (function () { return arguments; })(), "class": class {},
  "promise": Promise.resolve(), "url": new URL("http://x/"), "encoder": new TextEncoder(), "require": require };
const open = [], seen = new Set();
function walk(path, object, own) {
  if (object === null || (typeof object !== "object" && typeof object !== "function") || seen.has(object)) return;
  seen.add(object);
  if (!own && !Object.isFrozen(object)) open.push(path);
  walk(`${path}.__proto__`, Object.getPrototypeOf(object), false);
  if (own && path !== "globalThis") return;
  for (const key of Reflect.ownKeys(object)) {
    const { value, get, set } = Object.getOwnPropertyDescriptor(object, key);
    for (const part of [value, get, set]) walk(`${path}.${String(key)}`, part, false);
  }
}
for (const [name, object] of Object.entries(roots)) walk(name, object, name !== "globalThis" && name !== "require");
return [open, seen.size > 1000];
