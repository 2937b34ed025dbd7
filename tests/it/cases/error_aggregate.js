await Promise.any([
  Promise.reject(new Error("the first")),
  Promise.reject(new RangeError("the second", { cause: "a text" })),
]);
