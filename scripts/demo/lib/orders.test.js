// A module's functions can be called as they are.

const { formatMoney, isStepForward, stateOf } = require("./orders");

test("money is written with two decimals", () => {
  assert.equal(formatMoney(4890, "EUR"), "48.90 EUR");
  assert.equal(formatMoney(5, "EUR"), "0.05 EUR");
});

test("a status that comes late moves nothing", () => {
  assert(isStepForward("sent", "delivered"));
  assert(!isStepForward("delivered", "sent"));
  assert(!isStepForward("read", "undelivered"));
});

test("an order is as far as its last message", () => {
  assert.equal(stateOf(["read", "sent"]), "sent");
  assert.equal(stateOf(["read", "failed"]), "failed");
});
