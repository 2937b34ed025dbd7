// How far the message with a code has come, for a program that wants to send a text message or to call instead.
//
//   boatswain run otp/delivery --vo '{"requestId":"…"}'
//
// Returns { status, errorCode, fallBack }: Twilio's word, its code of a failure or null, and whether the code will
// certainly not arrive. A phone that is switched off stays "sent", so wait for a while and not for ever.

const { isFailure } = require("./lib/codes");

// `:REQUEST_ID` is vo.requestId. The company is no member of this `vo`, so it is bound by its place.
const [message] = JSON.parse(
  utils.executeQuery("SELECT delivery, error FROM codes WHERE id = :REQUEST_ID AND company = ?", null, companyId),
);
if (!message) return { status: null, errorCode: null, fallBack: true }; // of a day ago, or not ours
return { status: message.delivery, errorCode: message.error, fallBack: isFailure(message.delivery) };
