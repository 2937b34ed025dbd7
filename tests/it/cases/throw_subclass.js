class OrderError extends Error {
  constructor(message, code) {
    super(message);
    this.name = "OrderError";
    this.code = code;
  }
}
const error = new OrderError("unknown order", "ORDER_UNKNOWN");
error.toString = () => "mine";
console.log(String(error), error instanceof Error, error.constructor.name);
throw error;
