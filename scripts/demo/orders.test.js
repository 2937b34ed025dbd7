// Tests of the shop, run by `boatswain test`. Each test has a world of its own: an empty database, phones, Twilio as the
// simulator plays it, and a clock that stands still until the test moves it.

const ada = phone("+393331234567");
const order = { orderId: "A-1001", customer: "Ada", phone: ada.number, totalCents: 4890 };

test("an order is confirmed with a text and a picture", () => {
  const result = run("confirmOrder", order);

  assert.equal(result.orderId, "A-1001");
  const [text, picture] = ada.messages;
  assert.match(text.body, /^Ciao Ada! .* received your order A-1001 of 48\.90 EUR/);
  assert.match(picture.mediaUrls[0], /order-confirmation\.png$/);
});

test("what becomes of the messages is in the order's state", () => {
  ada.reaches("delivered");
  run("confirmOrder", order);
  assert.deepEqual(query("SELECT order_id, state FROM orders"), [{ order_id: "A-1001", state: "delivered" }]);

  ada.read();
  assert.equal(query("SELECT state FROM orders")[0].state, "read");
});

test("an order is confirmed once, however often it is asked for", () => {
  run("confirmOrder", order);
  run("confirmOrder", order);
  assert.equal(ada.messages.length, 2);
});

test("a message that fails makes the order fail", () => {
  twilio.failNext(63016);
  run("confirmOrder", order);

  assert.equal(ada.messages[0].status, "undelivered");
  assert.equal(query("SELECT state FROM orders")[0].state, "failed");
  assert.equal(query("SELECT error FROM order_messages WHERE kind = 'text'")[0].error, "63016");
});

test("nothing more is sent to a number that Twilio refuses", () => {
  twilio.failNext(21211);
  const { messages } = run("confirmOrder", order);

  assert.equal(messages.length, 1);
  assert.equal(messages[0].status, "failed");
  assert.match(messages[0].error, /^21211: /);
});

test("whoever writes gets an answer", () => {
  const [answer] = ada.write("Hello?");
  assert.match(answer.body, /thank you for writing/);

  const [menu] = ada.write("the menu, please");
  assert.match(menu.mediaUrls[0], /order-confirmation\.png$/);
  assert.equal(query("SELECT count(*) AS n FROM conversations WHERE person = ?", `whatsapp:${ada.number}`)[0].n, 2);
});
