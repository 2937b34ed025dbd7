// Confirms an order to the customer on WhatsApp: a text, then a picture.
//
//   boatswain run demo/confirmOrder --vo '{"orderId":"A-1001","customer":"Ada","phone":"+393331234567","totalCents":4890}'
//
// The whole file is the action: `vo` is its input, `return` its result. Without input it invents an order.

const { formatMoney, messagesOf, updateOrder } = require("./lib/orders");

const {
  orderId = `TEST-${Date.now().toString(36).toUpperCase()}`,
  customer = "Ada",
  phone = "+39 333 123 4567",
  totalCents = 4890,
} = vo;
const currency = "EUR";
const shop = utils.getParameter("shop_name") ?? "our shop";

// `?` are bound in order, never pasted into the statement. The order's id is the key, so an order is confirmed once,
// however often somebody asks.
const inserted = utils.executeSql(
  `INSERT INTO orders (order_id, customer, phone, amount_cents, currency, updated_at) VALUES (?, ?, ?, ?, ?, ?)
   ON CONFLICT (order_id) DO NOTHING`,
  null, // the application's own database
  false, // part of this run's transaction
  true, // an SQL error throws
  orderId, customer, phone, totalCents, currency, now(),
);
if (inserted === 0) {
  console.warn(`order ${orderId} was confirmed before: nothing is sent`);
  return { orderId, messages: messagesOf(orderId) };
}

// A send is a commit point: the order above is in the database for good before the message leaves. Should this run be
// interrupted and taken up again, the host gives the same answer as the first time instead of sending twice.
const text = JSON.parse(
  utils.sendWhatsappMessage(
    phone,
    `Ciao ${customer}! ${shop} has received your order ${orderId} of ${formatMoney(totalCents, currency)}. ` +
      "We are packing it now.",
  ),
);
remember("text", text);

// What happens to a message comes back as an outcome, it does not throw: a mistyped number is the shop's everyday life.
// Where the text could not go, the picture can't either.
if (text.success) {
  // The same with names for the arguments, and an object as the answer.
  const picture = utils.whatsapp.send({
    to: phone,
    body: "This is how it will arrive.",
    mediaUrl: utils.getPublicUrl("order-confirmation.png"), // public/demo/order-confirmation.png
  });
  remember("picture", picture);
}

updateOrder(orderId);
return { orderId, messages: messagesOf(orderId) };

/**
 * Stores what became of a message. Its notifications wait until this run has ended, so the sid is never too late.
 * @param {"text" | "picture"} kind
 * @param {Boatswain.WhatsappOutcome} outcome
 */
function remember(kind, outcome) {
  const error = outcome.success ? null : `${outcome.errorCode}: ${outcome.errorMessage}`;
  if (error) console.error(`order ${orderId}: the ${kind} is ${outcome.status}: ${error}`);
  utils.executeSql(
    "INSERT INTO order_messages (order_id, kind, sid, status, error, updated_at) VALUES (?, ?, ?, ?, ?, ?)",
    null, false, true,
    orderId, kind, outcome.sid, outcome.status, error, now(),
  );
}

function now() {
  return new Date().toISOString();
}
