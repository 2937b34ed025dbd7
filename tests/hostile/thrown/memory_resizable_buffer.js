// A buffer that grows.
const b = new ArrayBuffer(1, { maxByteLength: 2 ** 30 });
b.resize(2 ** 30);
return b.byteLength;
