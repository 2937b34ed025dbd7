utils.log("plain");
utils.log({ a: 1 }, "warn");
utils.log("bad", "error");
utils.log("fine", "debug");
console.debug("d"); console.info("i"); console.warn("w"); console.error("e"); console.trace("t");
utils.log("x", "loud");
