// Everything that outlives a run is frozen: what the global object leads to, and what only syntax or a call does.
const seen = new Set(), open = [], next = [];
const look = (value, path) => {
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') next.push([value, path]);
};
const kin = (value, path) => look(Object.getPrototypeOf(value), `prototype of ${path}`);
look(globalThis, 'globalThis');
const { proxy, revoke } = Proxy.revocable({}, {});
for (const [path, value] of Object.entries({
  function: function () {}, arrow: () => {}, async: async () => {}, generator: function* () {}, asyncGenerator: async function* () {},
  generated: Object.getPrototypeOf((function* () {})()), asyncGenerated: Object.getPrototypeOf((async function* () {})()), class: class {}, bound: (() => {}).bind(null),
  list: [][Symbol.iterator](), map: new Map().entries(), set: new Set().values(), text: ''[Symbol.iterator](), matches: 'a'.matchAll(/a/g),
  helper: [].values().map((x) => x), wrapped: Iterator.from({ next() {} }), typed: new Int8Array(), arguments: (function () { return arguments; })(),
  revoke, promise: Promise.resolve(), error: new TypeError('x'), aggregate: new AggregateError([]), url: new URL('http://a'), view: new DataView(new ArrayBuffer(1)),
  encoder: new TextEncoder(), decoder: new TextDecoder(), date: new Date(0), pattern: /x/, symbol: Object(Symbol('x')), big: Object(1n),
  cloned: structuredClone({ a: [new Date(0), new Map()] }), parsed: JSON.parse('{"a":[1]}'), vo, reqParams, userInfo, weak: new WeakMap(), weakSet: new WeakSet(),
  resolvers: Promise.withResolvers(), group: Object.groupBy([1], () => 'x'), entries: Object.fromEntries([]), descriptor: Object.getOwnPropertyDescriptor({ a: 1 }, 'a'),
  strings: ((strings) => strings)`a${1}`, raw: ((strings) => strings.raw)`a${1}`, regexpResult: /x/d.exec('x'), indices: /x/d.exec('x').indices, groups: /(?<a>x)/.exec('x').groups ?? {},
})) kin(value, path);
look(Object.getOwnPropertyDescriptor((function () { return arguments; })(), 'callee').get, 'callee');
look(((strings) => strings)`a${1}`, 'template'); look(((strings) => strings.raw)`a${1}`, 'raw template');
look(Object.getOwnPropertyDescriptor(Object.prototype, '__proto__').set, '__proto__');
look(require, 'require');
while (next.length > 0) {
  const [value, path] = next.pop();
  if (seen.has(value)) continue;
  seen.add(value);
  if (!Object.isFrozen(value)) open.push(path);
  look(Object.getPrototypeOf(value), `prototype of ${path}`);
  for (const key of Reflect.ownKeys(value)) {
    const property = Object.getOwnPropertyDescriptor(value, key);
    for (const part of ['value', 'get', 'set']) look(property[part], `${path}.${String(key)}`);
  }
}
return { many: seen.size > 1000, open, legacy: ['$1', 'input', 'lastMatch', 'lastParen'].filter((name) => name in RegExp) };
