function read() {
  return vo.message.id;
}
try {
  try {
    read();
  } catch (error) {
    throw new TypeError("the message has no id", { cause: error });
  }
} catch (error) {
  const outer = new Error("the order cannot be confirmed", { cause: error });
  outer.code = "ORDER";
  throw outer;
}
