// A global.
globalThis.left = 1;
