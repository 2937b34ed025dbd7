function fail() {
  const error = new TypeError("bad thing", { cause: new Error("the root") });
  error.code = "E_BAD";
  return error;
}
console.error(fail());
console.error("failed:", new RangeError("x").message);
