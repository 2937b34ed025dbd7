const ada = phone("+393331234567", { name: "Ada" });

test("somebody is greeted, and it is known what became of it", () => {
  run("greet", { phone: ada.number, name: "Ada" });

  assert.equal(ada.last.body, "Hello Ada!");
  assert.deepEqual(query("SELECT phone, status FROM greetings"), [{ phone: ada.number, status: "read" }]);
});

test("a message that fails is known as failed", () => {
  twilio.failNext(63016);
  run("greet", { phone: ada.number });

  assert.equal(query("SELECT status FROM greetings")[0].status, "undelivered");
});

test("a number that is none sends nothing", () => {
  assert.equal(run("greet", { phone: "12" }).errorCode, "INVALID_PHONE_NUMBER");
  assert.equal(twilio.messages.length, 0);
});

test("whoever writes gets a reply", () => {
  const [reply] = ada.write("Good morning");

  assert.equal(reply.body, "Hello Ada, you wrote: Good morning");
});
