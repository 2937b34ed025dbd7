// Tests of the conversation. Ada and Bob are customers; each test begins with nobody having written and no order.

const ada = phone("+393331234567", { name: "Ada" });
const bob = phone("+393337654321", { name: "Bob" });

/**
 * @param {string} order
 * @param {string} state
 */
function setState(order, state, device = ada, more = {}) {
  return run("setState", { order, state, phone: device.number, ...more });
}

/**
 * What the phone gets for a text: one message, or "" where nothing comes.
 * @param {Boatswain.Phone} device
 * @param {string | Boatswain.WrittenMessage} message
 */
function answerTo(device, message) {
  const answers = device.write(message);
  assert(answers.length <= 1, `one answer, and not ${answers.length}`);
  return answers[0]?.body ?? "";
}

// Asking.

test("an order is found however its number is written", () => {
  setState("4711", "packed");
  ada.write("hello");
  for (const text of ["where is my order 4711?", "#4711", "4711", "Dov'è l'ordine n° 4711?", "ORDER 4711!!"]) {
    assert.equal(answerTo(ada, text), "Your order 4711 is packed.", text);
  }
});

test("a note for the customer is in the answer", () => {
  setState("4711", "shipped", ada, { note: "DHL 00340" });
  assert.equal(answerTo(ada, "#4711"), "Your order 4711 is on its way (DHL 00340).");
});

test("who has one order need not know its number", () => {
  setState("4711", "packed");
  assert.equal(answerTo(ada, "Dov'è il mio pacco?"), "Your order 4711 is packed.");
});

test("who has several is asked which, and answers with its place or its number", () => {
  setState("4711", "packed");
  setState("4712", "received");
  ada.write("hello");
  assert.equal(answerTo(ada, "where is my order?"), "Which of your orders do you mean?\n1. 4711\n2. 4712");
  assert.equal(answerTo(ada, "2"), "Your order 4712 has been received.");
  assert.equal(answerTo(ada, "1."), "Your order 4711 is packed.");
  assert.equal(answerTo(ada, "4712"), "Your order 4712 has been received.");
  assert.match(answerTo(ada, "3"), /^Write the number/);
});

test("a place in the list is an answer for an hour", () => {
  setState("4711", "packed");
  setState("4712", "received");
  ada.write("where is my order?");
  clock.advance("59 min");
  assert.match(answerTo(ada, "2"), /^Your order 4712/);
  clock.advance("1 min");
  assert.match(answerTo(ada, "2"), /^Write the number/);
});

test("an order that is over is not meant where another one is under way", () => {
  setState("4710", "delivered");
  setState("4711", "packed");
  ada.write("hello");
  assert.equal(answerTo(ada, "where is my order?"), "Your order 4711 is packed.");
  assert.equal(answerTo(ada, "and 4710?"), "Your order 4710 has been delivered.");
});

test("several numbers in a text are answered together", () => {
  setState("4711", "packed");
  setState("4712", "received");
  ada.write("hello");
  assert.equal(answerTo(ada, "4711 and #4712?"), "Your order 4711 is packed.\nYour order 4712 has been received.");
});

test("a button that is tapped asks by its payload", () => {
  setState("4711", "packed");
  setState("4712", "packed");
  ada.write("hello");
  const [answer] = ada.tap("Where is it?", "order:4711");
  assert.equal(answer.body, "Your order 4711 is packed.");
});

test("a button without a payload is as good as its text", () => {
  setState("4711", "packed");
  ada.write("hello");
  assert.equal(ada.tap("Order 4711")[0].body, "Your order 4711 is packed.");
});

test("a reply to news is about its order, whatever it says", () => {
  ada.write("hello");
  setState("4711", "packed");
  const { sid } = ada.last;
  setState("4712", "packed");
  for (const body of ["and when?", "thanks"]) {
    assert.equal(answerTo(ada, { body, replyTo: sid }), "Your order 4711 is packed.");
  }
  assert.match(answerTo(bob, { body: "and when?", replyTo: sid }), /^I find no order/, "but not for somebody else");
});

test("somebody else's order is answered as one that does not exist", () => {
  setState("4711", "packed", ada);
  const [theirs, nobodys] = [answerTo(bob, "#4711"), answerTo(bob, "#9999")];
  assert.match(theirs, /^I find no order 4711 of this phone number\./);
  assert.equal(theirs.replace("4711", "9999"), nobodys);
  assert.match(answerTo(bob, "where is my order?"), /^I find no order of this phone number\./);
});

test("whoever is not understood reads what can be asked", () => {
  for (const message of ["help", "Ciao!", "👍", { media: [{ contentType: "image/png", base64: "iVBORw0KGgo=" }] }]) {
    assert.match(answerTo(ada, message), /^Write the number of your order/);
  }
});

test("STOP is not answered", () => {
  assert.equal(answerTo(ada, "Stop"), "");
});

// Telling.

test("within 24 hours of his last message a customer is told at once", () => {
  ada.write("hello");
  clock.advance("23h");
  assert.deepEqual(setState("4711", "shipped"), { order: "4711", state: "shipped", told: "now", reason: null });
  assert.equal(ada.last.body, "Your order 4711 is on its way.");
});

test("after them he is told when he writes the next time, and once", () => {
  ada.write("hello");
  clock.advance("25h");
  const { told, reason } = setState("4711", "shipped");
  assert.deepEqual([told, reason], ["later", "WINDOW_CLOSED"]);
  assert.equal(ada.messages.length, 1);

  assert.match(answerTo(ada, "thanks"), /\nNews: Your order 4711 is on its way\.$/);
  assert.doesNotMatch(answerTo(ada, "thanks"), /News/);
});

test("of several changes he hears the last", () => {
  setState("4711", "packed");
  setState("4711", "shipped");
  assert.match(answerTo(ada, "hello"), /\nNews: Your order 4711 is on its way\.$/);
});

test("what he asks for is no news besides", () => {
  setState("4711", "packed");
  assert.equal(answerTo(ada, "4711"), "Your order 4711 is packed.");
});

test("who has ever so many orders gets an answer that fits a message", () => {
  const orders = Array.from({ length: 90 }, (_, n) => String(10_000_000 + n));
  for (const order of orders) setState(order, "packed", ada, { note: "n".repeat(80) });
  for (const text of ["where is my order?", orders.join(" "), "help"]) {
    const answer = answerTo(ada, text);
    assert(answer.length > 500 && answer.length <= 1_600, `${answer.length} characters for "${text}"`);
  }
  for (let asked = 0; asked < 20; asked += 1) ada.write("help");
  assert.equal(query("SELECT count(*) AS n FROM orders WHERE told IS NULL")[0].n, 0, "all is told in the end");
});

test("news is its customer's only", () => {
  setState("4711", "packed", ada);
  assert.doesNotMatch(answerTo(bob, "hello"), /News|is packed/);
});

test("the same state is told once, however often it is set", () => {
  ada.write("hello");
  setState("4711", "packed");
  assert.equal(setState("4711", "packed").told, "before");
  assert.equal(ada.messages.length, 2);
});

test("news that WhatsApp did not deliver is told later", () => {
  ada.write("hello");
  twilio.failNext(63016);
  setState("4711", "packed");
  assert.equal(ada.last.status, "undelivered");
  assert.match(answerTo(ada, "hello?"), /\nNews: Your order 4711 is packed\.$/);
});

test("news that Twilio did not take is told later, and why is known", () => {
  ada.write("hello");
  twilio.failNext(21211);
  assert.deepEqual(setState("4711", "packed"), { order: "4711", state: "packed", told: "later", reason: "21211" });
  assert.match(answerTo(ada, "hello?"), /News: Your order 4711/);
});

test("news that is held back by a pause is told later", () => {
  ada.write("hello");
  pause();
  assert.deepEqual(setState("4711", "packed"), { order: "4711", state: "packed", told: "later", reason: "SENDING_PAUSED" });
  resume();
  assert.match(answerTo(ada, "hello?"), /News: Your order 4711/);
});

test("news that may have arrived is not told again", () => {
  ada.write("hello");
  twilio.loseNext();
  assert.equal(setState("4711", "packed").told, "now");
  assert.doesNotMatch(answerTo(ada, "hello?"), /News/);
});

test("a failure that comes late does not undo newer news", () => {
  ada.write("hello");
  setState("4711", "packed");
  const { sid } = ada.last;
  setState("4711", "shipped");
  run("onWhatsappStatus", { MessageSid: sid, MessageStatus: "failed", ErrorCode: "63024" });
  assert.doesNotMatch(answerTo(ada, "hello?"), /News/);
});

test("an order stays its customer's", () => {
  setState("4711", "packed", ada);
  setState("4711", "shipped", bob);
  assert.match(answerTo(ada, "4711"), /is on its way/);
  assert.match(answerTo(bob, "4711"), /^I find no order/);
});

test("what makes no sense is refused, with what would", () => {
  assert.throws(() => setState("4711", "lost"), /vo\.state is one of received, packed, .* and not "lost"/);
  assert.throws(() => setState("A-1", "packed"), /vo\.order is one to eight digits, and not "A-1"/);
  assert.throws(() => setState("4711", "packed", ada, { note: "x".repeat(81) }), /vo\.note is a text of 80 characters/);
  assert.throws(() => run("setState", { order: "4711", state: "packed" }), /vo\.phone is a number in international form/);
  assert.deepEqual(query("SELECT * FROM orders"), []);
});

// A human.

test("who asks for a human is left to him, and comes back when he likes", () => {
  setState("4711", "packed");
  assert.match(answerTo(ada, "Posso parlare con una PERSONA?"), /^A colleague will write to you/);
  assert.equal(answerTo(ada, "my order 4711 is broken"), "");

  const talk = [
    { author: "customer", body: "Posso parlare con una PERSONA?", at: "2026-01-05T09:00:00.000Z" },
    { author: "customer", body: "my order 4711 is broken", at: "2026-01-05T09:00:00.300Z" },
  ];
  assert.deepEqual(run("agent").waiting, [{ phone: ada.number, talk }]);
  assert.match(answerTo(bob, "help"), /^Write the number/, "others are answered as ever");

  assert.match(answerTo(ada, "bot"), /^Write the number/);
  assert.deepEqual(run("agent").waiting, []);
});

test("a human answers and hands back", () => {
  ada.write("agent");
  assert(run("agent", { phone: ada.number, text: "Good morning, this is Carla." }).sent);
  assert.equal(ada.last.body, "Good morning, this is Carla.");
  assert.deepEqual(query("SELECT author, body FROM talk ORDER BY id"), [
    { author: "customer", body: "agent" },
    { author: "agent", body: "Good morning, this is Carla." },
  ]);

  assert.deepEqual(run("agent", { phone: ada.number, done: true }).waiting, []);
  assert.match(answerTo(ada, "help"), /^Write the number/);
  assert.deepEqual(query("SELECT * FROM talk"), [], "what was said is not kept");
});

test("a human who writes first takes the conversation over", () => {
  run("agent", { phone: ada.number, text: "We have found your glove." });
  assert.equal(answerTo(ada, "where is it?"), "");
});

test("a human learns that his text has not left", () => {
  twilio.failNext(21211);
  const { sent, error } = run("agent", { phone: ada.number, text: "Hello" });
  assert.equal(sent, false);
  assert.match(error, /./);
  assert.match(answerTo(ada, "help"), /^Write the number/);
});

test("a customer whom every human has forgotten is answered again after twelve hours", () => {
  ada.write("agent");
  for (const body of ["hello?", "is anybody there?"]) {
    clock.advance("11h");
    assert.equal(answerTo(ada, body), ""); // and waits for twelve hours from here
  }
  clock.advance("12h");
  assert.match(answerTo(ada, "hello?"), /^Write the number/);
});
