// Sends a greeting and remembers the message:
//
//   boatswain run APP/greet --vo '{"phone":"+393331234567","name":"Ada"}'

const { phone, name = "there" } = vo;

const outcome = utils.whatsapp.send({ to: phone, body: `Hello ${name}!` });
if (!outcome.success) {
  // What can happen to a message comes back as an outcome; it does not throw.
  console.error(`nothing was sent: ${outcome.errorCode}: ${outcome.errorMessage}`);
  return outcome;
}

utils.executeSql(
  "INSERT INTO greetings (sid, phone, status) VALUES (?, ?, ?)",
  null, false, true,
  outcome.sid, phone, outcome.status,
);
return outcome;
