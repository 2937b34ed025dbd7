// Tests of the one-time passwords. The clock stands still until a test moves it, so "five minutes" is exact.

const ada = phone("+393331234567");
const bob = phone("+393337654321");

/**
 * Asks for a code, and reads it as the person does: in the message.
 * @param {Boatswain.Phone} device
 * @param {{ company?: string }} options
 */
function codeFor(device, options = {}) {
  const answer = run("request", { phone: device.number }, options);
  assert(answer.sent, `no code was sent: ${answer.reason}`);
  return device.last.body.slice(0, 6);
}

/**
 * @param {Boatswain.Phone} device
 * @param {unknown} code
 * @param {{ company?: string }} options
 */
function verify(device, code, options = {}) {
  return run("verify", { phone: device.number, code }, options);
}

/**
 * A code that is not this one.
 * @param {string} code
 */
function otherThan(code) {
  return String((Number(code) + 1) % 1_000_000).padStart(6, "0");
}

const VERIFIED = { verified: true, reason: null };

test("the code that was sent is the one that verifies", () => {
  const code = codeFor(ada);
  assert.match(ada.last.body, /^\d{6} is your code for Bottega Aurora\./);
  assert.deepEqual(verify(ada, code), VERIFIED);
});

test("where there is a template, the code is its variable, and nothing else is sent", () => {
  const template = "HX00000000000000000000000000000003";
  parameters({ otp_template: template });
  run("request", { phone: ada.number });
  assert.equal(ada.last.contentSid, template);
  assert.deepEqual(verify(ada, ada.last.contentVariables?.[1]), VERIFIED);
});

test("a shop without a name is our shop", () => {
  parameters({ shop_name: undefined });
  codeFor(ada);
  assert.match(ada.last.body, /is your code for our shop\./);
});

test("a code is good once", () => {
  const code = codeFor(ada);
  verify(ada, code);
  assert.deepEqual(verify(ada, code), { verified: false, reason: "no_code" });
});

test("a code is good for five minutes and not a moment longer", () => {
  const code = codeFor(ada);
  const [{ expires_at: expires }] = query("SELECT expires_at FROM codes");

  clock.set(expires - 1);
  assert.deepEqual(verify(ada, otherThan(code)), { verified: false, reason: "wrong_code" });
  clock.set(expires);
  assert.deepEqual(verify(ada, code), { verified: false, reason: "expired" });
  assert.deepEqual(verify(ada, code), { verified: false, reason: "expired" });
});

test("a new code makes the older one invalid", () => {
  const older = codeFor(ada);
  const newer = codeFor(ada);
  if (older !== newer) assert.deepEqual(verify(ada, older), { verified: false, reason: "wrong_code" });
  assert.deepEqual(verify(ada, newer), VERIFIED);
});

test("five wrong codes, and the right one is good for nothing", () => {
  const code = codeFor(ada);
  const reasons = Array.from({ length: 5 }, () => verify(ada, otherThan(code)).reason);
  assert.deepEqual(reasons, ["wrong_code", "wrong_code", "wrong_code", "wrong_code", "too_many_attempts"]);
  assert.deepEqual(verify(ada, code), { verified: false, reason: "too_many_attempts" });

  assert.deepEqual(verify(ada, codeFor(ada)), VERIFIED, "a new code is a new beginning");
});

test("the fifth attempt may still be the right one", () => {
  const code = codeFor(ada);
  for (let wrong = 0; wrong < 4; wrong += 1) verify(ada, otherThan(code));
  assert.deepEqual(verify(ada, code), VERIFIED);
});

test("a code is one phone's", () => {
  const code = codeFor(ada);
  assert.deepEqual(verify(bob, code), { verified: false, reason: "no_code" });
});

test("a code is one company's", () => {
  const code = codeFor(ada, { company: "ACME" });
  assert.deepEqual(verify(ada, code), { verified: false, reason: "no_code" });
  assert.deepEqual(verify(ada, code, { company: "ACME" }), VERIFIED);
});

test("a phone gets three codes in ten minutes", () => {
  for (let asked = 0; asked < 3; asked += 1) codeFor(ada);
  const answer = run("request", { phone: ada.number });
  assert.deepEqual({ ...answer, retryAt: null }, {
    sent: false, requestId: null, expiresAt: null, reason: "too_many_requests", retryAt: null,
  });
  assert.equal(ada.messages.length, 3);
  codeFor(bob); // others may ask

  clock.set(answer.retryAt);
  codeFor(ada);
});

test("a phone gets ten codes a day", () => {
  for (let asked = 0; asked < 10; asked += 1) {
    codeFor(ada);
    clock.advance("10 min");
  }
  const { reason, retryAt } = run("request", { phone: ada.number });
  assert.equal(reason, "too_many_requests");
  clock.set(retryAt);
  codeFor(ada);
});

test("a number is the same however it is written", () => {
  const code = codeFor(ada);
  const spaced = `${code.slice(0, 3)} ${code.slice(3)}`;
  assert.deepEqual(run("verify", { phone: "0039 333 123-45.67", code: spaced }), VERIFIED);
});

test("what is no international number is refused before anything is sent", () => {
  for (const phone of [undefined, "", "333 1234567", "+39 333 CALL ME", 42]) {
    assert.equal(run("request", { phone }).reason, "invalid_phone", `${phone}`);
    assert.deepEqual(run("verify", { phone, code: "123456" }), { verified: false, reason: "no_code" });
  }
  assert.equal(twilio.messages.length, 0);
});

test("no code verifies nothing", () => {
  codeFor(ada);
  for (const code of [undefined, null, "", 0]) assert.equal(verify(ada, code).verified, false, `${code}`);
});

test("a message that is refused leaves no code, and costs no request", () => {
  twilio.failNext(21211, { times: 3 });
  for (let asked = 0; asked < 3; asked += 1) {
    assert.equal(run("request", { phone: ada.number }).reason, "not_sent");
  }
  const rows = query("SELECT DISTINCT state, code, error FROM codes");
  assert.deepEqual(rows, [{ state: "unsent", code: null, error: "21211" }]);
  assert.deepEqual(verify(ada, codeFor(ada)), VERIFIED);
});

test("a code that cannot leave now is to be asked for again", () => {
  pause();
  assert.equal(run("request", { phone: ada.number }).reason, "try_again");
  resume();
  codeFor(ada);
});

test("a code of which nobody knows whether it left is good, for the person may have it", () => {
  twilio.loseNext();
  assert(run("request", { phone: ada.number }).sent);
  const [{ code, delivery, error }] = query("SELECT code, delivery, error FROM codes");
  assert.deepEqual([delivery, error], ["unknown", "SEND_IN_DOUBT"]);
  assert.deepEqual(verify(ada, code), VERIFIED);
});

test("who asked learns that a code will not arrive, and can fall back", () => {
  twilio.failNext(63016);
  const { requestId } = run("request", { phone: ada.number });
  assert.deepEqual(run("delivery", { requestId }), { status: "undelivered", errorCode: "63016", fallBack: true });
});

test("a code that arrived needs no other way", () => {
  const { requestId } = run("request", { phone: ada.number });
  assert.deepEqual(run("delivery", { requestId }), { status: "read", errorCode: null, fallBack: false });
});

test("a phone that is switched off has the code sent and not delivered", () => {
  ada.reaches("sent");
  const { requestId } = run("request", { phone: ada.number });
  assert.deepEqual(run("delivery", { requestId }), { status: "sent", errorCode: null, fallBack: false });
});

test("of a request that is unknown, or another company's, the caller falls back", () => {
  const { requestId } = run("request", { phone: ada.number });
  const unknown = { status: null, errorCode: null, fallBack: true };
  assert.deepEqual(run("delivery", { requestId: "none" }), unknown);
  assert.deepEqual(run("delivery", { requestId }, { company: "ACME" }), unknown);
});

test("a notification in another company's name moves nothing", () => {
  ada.reaches("sent");
  const { requestId } = run("request", { phone: ada.number });
  const forged = { MessageSid: ada.last.sid, MessageStatus: "failed", companyId: "ACME" };
  run("onWhatsappStatus", forged, { company: "ACME" });
  assert.equal(run("delivery", { requestId }).status, "sent");
});

test("a code that is good for nothing is not kept, and its row is gone after a day", () => {
  verify(ada, codeFor(ada));
  codeFor(bob);
  codeFor(bob);
  assert.deepEqual(query("SELECT state, code IS NULL AS gone FROM codes ORDER BY rowid"), [
    { state: "used", gone: 1 },
    { state: "replaced", gone: 1 },
    { state: "open", gone: 0 },
  ]);
  clock.advance("24h");
  codeFor(ada);
  assert.equal(query("SELECT count(*) AS n FROM codes")[0].n, 1);
});

test("no code is in what is returned or logged", () => {
  const answer = run("request", { phone: ada.number });
  const code = ada.last.body.slice(0, 6);
  twilio.failNext(63016);
  run("request", { phone: ada.number });
  assert.doesNotMatch(JSON.stringify([answer, logs()]), new RegExp(code));
});
