// What a campaign says, by itself.

const { contentOf, isStepForward, personal, phoneNumber } = require("./campaigns");

test("a text is filled with the contact's name, wherever it stands", () => {
  const content = { body: "Ciao {name}, it is for you, {name}." };
  assert.deepEqual(contentOf({ text: content.body }), content);
  assert.deepEqual(personal(content, { name: "Ada" }, "there"), { body: "Ciao Ada, it is for you, Ada." });
  assert.deepEqual(personal(content, { name: null }, "there"), { body: "Ciao there, it is for you, there." });
  assert.deepEqual(personal(content, { name: "$& {name}" }, ""), { body: "Ciao $& {name}, it is for you, $& {name}." });
});

test("a template is filled in its variables, which become texts", () => {
  const template = "HX00000000000000000000000000000004";
  const content = contentOf({ template, variables: { 1: "{name}", 2: 20 } });
  assert(content);
  assert.deepEqual(personal(content, { name: "Ada" }, "there"), {
    contentSid: template,
    contentVariables: { 1: "Ada", 2: "20" },
  });
});

test("a placeholder that nobody fills is refused", () => {
  assert.throws(() => contentOf({ text: "Ciao {nome}" }), /\{nome\} means nothing here/);
  assert.throws(() => contentOf({ template: "HX1", variables: { 1: "{1}" } }), /\{1\} means nothing here/);
});

test("a campaign has one kind of content, or what it had", () => {
  assert.throws(() => contentOf({ text: "a", template: "HX1" }), /not both/);
  assert.equal(contentOf({}), null);
});

test("a number has one form", () => {
  assert.equal(phoneNumber("0039 (333) 123-45.67"), "+393331234567");
  assert.equal(phoneNumber("333 1234567"), null);
});

test("a status that comes late moves nothing", () => {
  assert(isStepForward("unknown", "delivered"));
  assert(!isStepForward("delivered", "sent"));
  assert(!isStepForward("read", "failed"));
  assert(!isStepForward("failed", "sent"));
});
