// Runs for each notification of what became of a message.

/** @type {Boatswain.Notification} */
const { MessageSid, MessageStatus } = vo;

// Notifications may come late; the host's record never goes backwards.
const known = JSON.parse(utils.getWhatsappMessage(MessageSid) ?? "null");
utils.executeSql(
  "UPDATE greetings SET status = ? WHERE sid = :MESSAGE_SID",
  null, false, true,
  known?.status ?? MessageStatus,
);
