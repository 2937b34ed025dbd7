// Tests of the broadcast: two companies, each with a sender of its own, and Ada is a contact of both.

const ACME = { company: "ACME" };
const GLOBEX = { company: "GLOBEX" };
const ada = phone("+393331234567", ACME);
const bob = phone("+393337654321", ACME);
const eve = phone("+393339999999", GLOBEX);
const adaAtGlobex = phone(ada.number, GLOBEX);

const consent = "web form, 2026-01-05";
const spring = { campaign: "spring", text: "Ciao {name}, spring is here." };

beforeEach(() => {
  const contacts = [{ phone: ada.number, name: "Ada", consent }, { phone: bob.number, consent }];
  run("addContacts", { contacts }, ACME);
  run("addContacts", { contacts: [{ phone: eve.number, name: "Eve", consent }, contacts[0]] }, GLOBEX);
});

/**
 * Adds so many contacts to ACME.
 * @param {number} count
 */
function addMany(count) {
  const phones = Array.from({ length: count }, (_, n) => `+39340${String(n).padStart(7, "0")}`);
  run("addContacts", { contacts: phones.map((phone) => ({ phone, consent })) }, ACME);
}

/**
 * @param {object} vo
 * @param {{ company?: string }} options
 */
function send(vo = spring, options = ACME) {
  return run("send", vo, options);
}

/**
 * What `send` returns when nothing failed and nothing remains.
 * @param {number} sent
 */
function all(sent) {
  return { campaign: "spring", sent, failed: 0, remaining: 0, stoppedBy: null };
}

// Sending.

test("each contact of the company gets one message, with his name, from the company's sender", () => {
  assert.deepEqual(send(), all(2));
  assert.deepEqual(
    twilio.messages.map(({ to, from, body }) => [to, from, body]),
    [
      [ada.number, "+14155550103", "Ciao Ada, spring is here."],
      [bob.number, "+14155550103", "Ciao there, spring is here."],
    ],
  );
});

test("a contact of two companies hears from each in its own name", () => {
  send();
  send({ campaign: "spring", text: "Hello {name}." }, GLOBEX);
  assert.deepEqual(ada.messages.map(({ from, body }) => [from, body]), [
    ["+14155550103", "Ciao Ada, spring is here."],
    ["+14155550104", "Hello Ada."],
  ]);
});

test("nobody gets a campaign twice, however often it is sent", () => {
  send();
  assert.deepEqual(send(), all(0));
  clock.advance("30d");
  send();
  assert.equal(twilio.messages.length, 2);
});

test("another campaign is another message", () => {
  send();
  send({ campaign: "summer", text: "Summer." });
  assert.deepEqual(ada.messages.map((message) => message.body), ["Ciao Ada, spring is here.", "Summer."]);
});

test("a batch has its size, and the next ones need the campaign's name only", () => {
  parameters({ batch_size: 10 });
  addMany(23);
  assert.equal(send().remaining, 15);
  assert.equal(send({ campaign: "spring" }).remaining, 5);
  assert.deepEqual(send({ campaign: "spring" }), all(5));

  const messages = twilio.messages;
  assert.equal(messages.length, 25);
  assert.equal(new Set(messages.map((message) => message.to)).size, 25);
});

test("who has no name is called as the parameters say", () => {
  parameters({ nameless: "neighbour" });
  send();
  assert.equal(bob.last.body, "Ciao neighbour, spring is here.");
});

test("who becomes a contact later is in the next batch", () => {
  send();
  addMany(1);
  assert.equal(send({ campaign: "spring" }).sent, 1);
});

test("what stops one message for now stops the batch, and its contact is among the first of the next", () => {
  twilio.failNext(21611, { to: ada.number }); // the sender's queue at Twilio is full
  assert.deepEqual(send(), { campaign: "spring", sent: 0, failed: 0, remaining: 2, stoppedBy: "21611" });
  assert.deepEqual(query("SELECT * FROM messages"), []);
  assert.equal(twilio.messages.length, 0);

  assert.deepEqual(send({ campaign: "spring" }), all(2));
});

test("a cap stops the batch, and a minute later it goes on where it was", () => {
  limits({ messages_per_minute: 1 }, ACME);
  const stoppedBy = "COMPANY_MESSAGES_PER_MINUTE";
  assert.deepEqual(send(), { campaign: "spring", sent: 1, failed: 0, remaining: 1, stoppedBy });
  assert.equal(send(spring, GLOBEX).sent, 2, "the cap is ACME's");
  clock.advance("1 min");
  assert.deepEqual(send({ campaign: "spring" }), all(1));
});

test("while a company is paused, nothing of it leaves, and nothing is lost", () => {
  pause(ACME);
  assert.equal(send().stoppedBy, "SENDING_PAUSED");
  assert.equal(twilio.messages.length, 0);
  resume(ACME);
  assert.deepEqual(send({ campaign: "spring" }), all(2));
});

test("one number that is refused does not stop the others, and is not tried again", () => {
  twilio.failNext(21211, { to: ada.number });
  assert.deepEqual(send(), { campaign: "spring", sent: 1, failed: 1, remaining: 0, stoppedBy: null });
  assert.equal(send().sent, 0);
});

test("a message in doubt is not sent again", () => {
  twilio.loseNext({ to: ada.number });
  assert.equal(send().sent, 2);
  assert.equal(send().sent, 0);
  assert.equal(run("report", { campaign: "spring" }).companies.ACME.unknown, 1);
});

test("of two batches that are under way at once, each contact is one's", () => {
  // As if the other one had come to Bob while this one was sending to Ada.
  execute(
    `CREATE TRIGGER the_other_batch AFTER UPDATE ON messages WHEN new.phone = '${ada.number}' BEGIN
       INSERT OR IGNORE INTO messages (company, campaign, phone, updated_at)
       VALUES ('ACME', 'spring', '${bob.number}', '');
     END`,
  );
  assert.deepEqual(send(), all(1));
  assert.equal(bob.messages.length, 0);
});

test("a batch that was cut off leaves its contact alone: he may have had his message", () => {
  send();
  // As if the host had died between the send and what is noted of it.
  execute("UPDATE messages SET sid = NULL, status = 'unknown' WHERE phone = ?", ada.number);
  assert.equal(send().sent, 0);
});

test("a campaign says the same from its first batch to its last", () => {
  send();
  assert.throws(() => send({ campaign: "spring", text: "Other words." }), /goes out with other words already/);
  assert.throws(() => send({ campaign: "autumn" }), /"autumn" is new: give it vo\.text, or vo\.template/);
  assert.throws(() => send({ text: "x" }), /vo\.campaign names the campaign/);
  assert.equal(twilio.messages.length, 2);
});

test("a template is sent with the contact's own variables", () => {
  const template = "HX00000000000000000000000000000004";
  send({ campaign: "spring", template, variables: { 1: "{name}", 2: "20" } });
  assert.equal(ada.last.contentSid, template);
  assert.deepEqual(ada.last.contentVariables, { 1: "Ada", 2: "20" });
});

test("without a company nothing is sent", () => {
  assert.throws(() => send(spring, {}), /in the name of a company/);
  assert.throws(() => run("addContacts", { contacts: [] }), /in the name of a company/);
});

// Consent.

test("a contact without consent or number is refused, with the reason", () => {
  const contacts = [
    { phone: "+393330000001" },
    { phone: "333 0000002", consent },
    { consent },
    { phone: "+39 333 000 0004", consent },
  ];
  assert.deepEqual(run("addContacts", { contacts }, ACME), {
    added: 1,
    refused: [
      { phone: "+393330000001", reason: "no consent" },
      { phone: "333 0000002", reason: "no international number" },
      { phone: null, reason: "no international number" },
    ],
  });
});

test("who writes STOP gets nothing more of that company, and still of the other", () => {
  assert.deepEqual(ada.write("STOP"), []);
  assert.deepEqual(send(), all(1));
  assert.equal(send(spring, GLOBEX).sent, 2);
  assert.deepEqual(ada.messages.map((message) => message.from), ["+14155550104"]);
});

test("a contact that is imported without its name keeps it", () => {
  run("addContacts", { contacts: [{ phone: ada.number, consent }] }, ACME);
  send();
  assert.match(ada.last.body, /^Ciao Ada/);
});

test("who has opted out stays so when the list is imported again, until he writes START", () => {
  ada.write("Stop.");
  run("addContacts", { contacts: [{ phone: ada.number, name: "Ada", consent }] }, ACME);
  assert.equal(send().sent, 1);

  assert.equal(ada.write("START")[0].body, "Welcome back.");
  assert.equal(send({ campaign: "spring" }).sent, 1);
});

test("whom Twilio knows as opted out is not written to again", () => {
  twilio.failNext(21610, { to: ada.number });
  assert.equal(send().failed, 1);
  const summer = send({ campaign: "summer", text: "Summer." });
  assert.deepEqual([summer.sent, summer.failed], [1, 0]);
});

test("whoever writes something else is told what this number is for", () => {
  assert.match(adaAtGlobex.write("How much is it?")[0].body, /^This number sends news only/);
  assert.equal(ada.last.from, "+14155550104");
});

// Reporting.

test("the report says who has read it, and when", () => {
  ada.reaches("delivered");
  bob.reaches("sent");
  send();
  clock.advance("2h");
  ada.read();

  assert.deepEqual(run("report", { campaign: "spring" }, ACME).companies.ACME, {
    messages: 2, delivered: 1, read: 1, failed: 0, unknown: 0, deliveredRate: 0.5, readRate: 0.5, failures: {},
    readers: [{ phone: ada.number, name: "Ada", readAt: "2026-01-05T11:00:00.150Z" }],
    readersLeftOut: 0,
  });
});

test("the report counts failures by code, those of the send and those that come later", () => {
  addMany(3);
  twilio.failNext(21211, { to: ada.number });
  twilio.failNext(63016, { times: 2 });
  send();
  const { failed, failures, deliveredRate } = run("report", { campaign: "spring" }, ACME).companies.ACME;
  assert.equal(failed, 3);
  assert.deepEqual(failures, { 21211: 1, 63016: 2 });
  assert.equal(deliveredRate, 0.4);
});

test("a company sees its own figures, and the operator those of all", () => {
  send();
  send(spring, GLOBEX);
  assert.deepEqual(Object.keys(run("report", { campaign: "spring" }, ACME).companies), ["ACME"]);
  assert.deepEqual(Object.keys(run("report", { campaign: "spring" }, GLOBEX).companies), ["GLOBEX"]);
  assert.deepEqual(Object.keys(run("report", { campaign: "spring" }).companies), ["ACME", "GLOBEX"]);
});

test("of a campaign that nobody has sent there is nothing to report", () => {
  assert.deepEqual(run("report", { campaign: "winter" }), { campaign: "winter", companies: {} });
});

test("a long list of readers is cut, and says by how many", () => {
  send();
  execute(
    `WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1003)
     INSERT INTO contacts (company, phone, consent) SELECT 'ACME', '+39340' || (1000000 + n), ? FROM numbers`,
    consent,
  );
  execute(
    `INSERT INTO messages (company, campaign, phone, status, updated_at)
     SELECT company, 'spring', phone, 'read', '2026-01-05T10:00:00.000Z' FROM contacts WHERE company = 'ACME'
     ON CONFLICT DO UPDATE SET status = 'read'`,
  );
  const { readers, read, readersLeftOut } = run("report", { campaign: "spring" }, ACME).companies.ACME;
  assert.deepEqual([readers.length, read, readersLeftOut], [1_000, 1_005, 5]);
});

test("a notification in another company's name moves nothing", () => {
  ada.reaches("sent");
  send();
  const { sid } = ada.last;
  run("onWhatsappStatus", { MessageSid: sid, MessageStatus: "read", companyId: "GLOBEX" }, GLOBEX);
  assert.equal(query("SELECT status FROM messages WHERE sid = ?", sid)[0].status, "sent");
});

test("a status that comes late moves nothing", () => {
  send();
  const { sid } = ada.last;
  run("onWhatsappStatus", { MessageSid: sid, MessageStatus: "sent", companyId: "ACME" }, ACME);
  assert.equal(query("SELECT status FROM messages WHERE sid = ?", sid)[0].status, "read");
});
