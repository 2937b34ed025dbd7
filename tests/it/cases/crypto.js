const uuid = crypto.randomUUID();
const bytes = crypto.getRandomValues(new Uint8Array(8));
const part = new Uint32Array(new ArrayBuffer(24), 8, 2);
crypto.getRandomValues(part);
const fails = (value) => { try { crypto.getRandomValues(value); return "no error"; } catch (error) { return `${error.name}: ${error.message}`; } };
console.log(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid), uuid === crypto.randomUUID());
console.log(bytes, [...new Uint32Array(part.buffer)].map((number) => number !== 0));
console.log(crypto.getRandomValues(new BigInt64Array(1)).length, crypto.getRandomValues(new Uint8Array(0)).length, crypto.getRandomValues(bytes) === bytes,
  crypto.getRandomValues(new Uint8Array(65_536)).some((byte) => byte > 0));
console.log(fails(new Float64Array(1)), fails([1]), fails(), fails(new DataView(new ArrayBuffer(1))), fails(new Uint8Array(65_537)));
console.log(String(crypto), Object.isFrozen(crypto), crypto.subtle);
