// A mark on all async functions.
Object.getPrototypeOf(async function () {}).polluted = 1;
