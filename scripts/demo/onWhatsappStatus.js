// Runs once for each notification of what became of a message; app-params.toml names it as `whatsapp_callback`.
//
// `vo` has every field of Twilio's form as Twilio calls it, strings all: MessageSid, MessageStatus, To, and ErrorCode
// when something went wrong. Notifications of one message arrive here one after another, but not always in the order of
// events: "sent" may come after "delivered".

/** @type {Boatswain.Notification} */
const { MessageSid, MessageStatus, ErrorCode } = vo; // with the comment an editor knows the fields

const { isFailure, isStepForward, updateOrder } = require("./lib/orders");

// `:NAME` takes its value from `vo`: :MESSAGE_SID is vo.MessageSid, :ERROR_CODE is vo.ErrorCode.
const found = utils.executeQuery("SELECT order_id, kind, status FROM order_messages WHERE sid = :MESSAGE_SID");
const [message] = JSON.parse(found);
if (!message) {
  return `${MessageSid} is not a message of this shop`;
}

const { order_id: orderId, kind, status } = message;
if (!isStepForward(status, MessageStatus)) {
  return `order ${orderId}: the ${kind} stays ${status}, "${MessageStatus}" comes late`;
}

utils.executeSql(
  "UPDATE order_messages SET status = :MESSAGE_STATUS, error = :ERROR_CODE, updated_at = ? WHERE sid = :MESSAGE_SID",
  null, false, true,
  new Date().toISOString(),
);
if (isFailure(MessageStatus)) {
  // A shop would phone the customer now. `boatswain explain 63016` says what such a code means.
  console.error(`order ${orderId}: the ${kind} is ${MessageStatus}, code ${ErrorCode ?? "unknown"}`);
}

// If anything in here throws, all of it is undone, and the notification is tried again later.
return `order ${orderId}: the ${kind} is ${MessageStatus}, the order is ${updateOrder(orderId)}`;
