// Notes how far a message has come; app-params.toml names it as `whatsapp_callback`.

/** @type {Boatswain.Notification} */
const { MessageStatus } = vo;

const { isStepForward } = require("./lib/campaigns");

// The company is asked for too: whoever holds one company's key can report statuses, and shall not change another's.
const [message] = JSON.parse(
  utils.executeQuery("SELECT status FROM messages WHERE sid = :MESSAGE_SID AND company = :COMPANY_ID"),
);
if (!message || !isStepForward(message.status, MessageStatus)) return;

utils.executeSql(
  "UPDATE messages SET status = :MESSAGE_STATUS, error = :ERROR_CODE, updated_at = ? WHERE sid = :MESSAGE_SID",
  null, false, true,
  new Date().toISOString(),
);
