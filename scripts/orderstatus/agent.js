// What a human needs who answers instead of the actions.
//
//   boatswain run orderstatus/agent                                                        who waits, and what was said
//   boatswain run orderstatus/agent --vo '{"phone":"+393331234567","text":"Good morning"}'  writes to a customer
//   boatswain run orderstatus/agent --vo '{"phone":"+393331234567","done":true}'            the actions answer again
//
// Returns { sent, error, waiting }: whether the text has left (null where there was none), why not, and who waits now.

const { handBack, handOver, keep, withAgents } = require("./lib/people");
const { phoneNumber } = require("./lib/orders");

const { text, done = false } = vo;
let outcome = null;
if (text) {
  const phone = phoneNumber(vo.phone);
  outcome = utils.whatsapp.send({ to: phone, body: text });
  if (outcome.success) {
    handOver(phone); // whoever writes takes the conversation over, whether or not the customer has asked for it
    keep(phone, "agent", text);
  }
}
if (done) handBack(phoneNumber(vo.phone));
return { sent: outcome?.success ?? null, error: outcome?.errorMessage ?? null, waiting: withAgents() };
