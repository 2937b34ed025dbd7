// Notes what became of a message with a code; app-params.toml names it as `whatsapp_callback`.

/** @type {Boatswain.Notification} */
const { MessageSid, MessageStatus, ErrorCode } = vo;

const { isFailure, isStepForward } = require("./lib/codes");

// The company is asked for too: whoever holds one company's key can report statuses, and shall not change another's.
const [message] = JSON.parse(
  utils.executeQuery("SELECT id, delivery FROM codes WHERE sid = :MESSAGE_SID AND company = :COMPANY_ID"),
);
if (!message) return `${MessageSid} carries no code that is known`;
if (!isStepForward(message.delivery, MessageStatus)) {
  return `request ${message.id} stays ${message.delivery}, "${MessageStatus}" comes late`;
}
utils.executeSql("UPDATE codes SET delivery = :MESSAGE_STATUS, error = :ERROR_CODE WHERE sid = :MESSAGE_SID");
if (isFailure(MessageStatus)) {
  // Whoever asked learns it from `delivery`. `boatswain explain 63016` says what such a code means.
  console.warn(`request ${message.id} is ${MessageStatus}, code ${ErrorCode ?? "unknown"}`);
}
return `request ${message.id} is ${MessageStatus}`;
