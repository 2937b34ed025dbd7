// Changes the state of an order, and tells the customer.
//
//   boatswain run orderstatus/setState --vo '{"order":"4711","phone":"+393331234567","state":"shipped","note":"DHL 340"}'
//
// An order that is new needs its phone; `note` may be left out. Returns { order, state, told, reason }: the customer was
// told "now", knew it "before", or hears it "later", when he writes the next time; `reason` says why it was not now.

const { STATES, sentence, isTold, phoneNumber } = require("./lib/orders");

const { state, note = null } = vo;
const number = String(vo.order ?? "");
if (!/^\d{1,8}$/.test(number)) throw new TypeError(`vo.order is one to eight digits, and not "${number}"`);
if (!Object.hasOwn(STATES, state)) {
  throw new TypeError(`vo.state is one of ${Object.keys(STATES).join(", ")}, and not "${state}"`);
}
if (note !== null && (typeof note !== "string" || note.length > 80)) {
  throw new TypeError("vo.note is a text of 80 characters at most: the customer reads it");
}

const [known] = JSON.parse(utils.executeQuery("SELECT phone, told FROM orders WHERE order_no = ?", null, number));
const phone = known?.phone ?? phoneNumber(vo.phone);

utils.executeSql(
  `INSERT INTO orders (order_no, phone, state, note, updated_at) VALUES (?, ?, ?, ?, ?)
   ON CONFLICT (order_no) DO UPDATE SET state = excluded.state, note = excluded.note, updated_at = excluded.updated_at`,
  null, false, true,
  number, phone, state, note, new Date().toISOString(),
);
if (known?.told === state) return result("before");

// Outside of the 24 hours WhatsApp takes templates only. Whoever has one approved sends it here; without, the news waits.
if (!JSON.parse(utils.getWhatsappWindow(phone)).open) return result("later", "WINDOW_CLOSED");

const order = { number, state, note };
const outcome = utils.whatsapp.send({ to: phone, body: sentence(order) });
if (outcome.success || outcome.status === "unknown") {
  isTold(order, outcome.sid); // "unknown": he may have it, and twice is worse than once
  return result("now");
}
console.error(`order ${number}: the customer could not be told: ${outcome.errorCode}: ${outcome.errorMessage}`);
return result("later", String(outcome.errorCode));

/**
 * @param {"now" | "before" | "later"} told
 * @param {string | null} reason
 */
function result(told, reason = null) {
  return { order: number, state, told, reason };
}
