// The rules by themselves.

const { isStepForward, messageWith, phoneNumber, waitUntil } = require("./codes");

const MINUTE = 60_000;

test("a number has one form", () => {
  assert.equal(phoneNumber("whatsapp:+39 (333) 123-45.67"), "+393331234567");
  assert.equal(phoneNumber("0039 333 1234567"), "+393331234567");
  assert.equal(phoneNumber("333 1234567"), null);
  assert.equal(phoneNumber(null), null);
});

test("of a quota that is used up the oldest request has to leave the window", () => {
  assert.equal(waitUntil([1 * MINUTE, 2 * MINUTE], 3 * MINUTE), null);
  assert.equal(waitUntil([3 * MINUTE, 1 * MINUTE, 2 * MINUTE], 4 * MINUTE), 11 * MINUTE);
  assert.equal(waitUntil([1 * MINUTE, 2 * MINUTE, 3 * MINUTE], 11 * MINUTE), null);
});

test("where there is an authentication template the code is its variable", () => {
  const template = "HX00000000000000000000000000000003";
  assert.deepEqual(messageWith("012345", { template, shop: "x" }), {
    contentSid: template,
    contentVariables: { 1: "012345" },
  });
});

test("a status that comes late moves nothing", () => {
  assert(isStepForward("sent", "undelivered"));
  assert(isStepForward("unknown", "delivered"));
  assert(!isStepForward("delivered", "sent"));
  assert(!isStepForward("read", "undelivered"));
  assert(!isStepForward("failed", "sent"));
  assert(!isStepForward("sent", "a word that is not known"));
});
