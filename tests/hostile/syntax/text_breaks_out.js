// Code that would run when it is loaded.
}; }); globalThis.left = 1; (function () { return async function () {
