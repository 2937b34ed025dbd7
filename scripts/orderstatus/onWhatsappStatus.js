// Notes that news has not arrived, so that it is told again; app-params.toml names it as `whatsapp_callback`.
//
// A message that failed has told nothing. WhatsApp may know better than this host when somebody has written last (63016),
// and a phone may have lost its WhatsApp; whatever it was, the customer hears it when he writes the next time.

/** @type {Boatswain.Notification} */
const { MessageStatus, ErrorCode } = vo;
if (!["failed", "undelivered", "canceled"].includes(MessageStatus)) return;

const changed = utils.executeSql("UPDATE orders SET told = NULL, told_sid = NULL WHERE told_sid = :MESSAGE_SID");
if (changed > 0) {
  console.warn(`news of an order is ${MessageStatus}, code ${ErrorCode ?? "unknown"}: it is told later`);
}
