// Runs once for each message that somebody writes to the shop's number; app-params.toml names it as `incoming_message`.
//
// What it returns is the reply, a text or an object such as { body, mediaUrl }; nothing is no reply. Messages of one
// person arrive here in the order in which he wrote them, each when this action is done with the one before.

// `vo` has Twilio's own fields, strings all, and beside them what is worth a type: profileName, media, location. With the
// comment an editor knows them, and finds a misspelt one.
/** @type {Boatswain.IncomingMessage} */
const { Body: text = "", profileName, media } = vo;

utils.executeSql(
  `INSERT INTO conversations (sid, person, name, body, media, received_at)
   VALUES (:MESSAGE_SID, :FROM, :PROFILE_NAME, ?, ?, ?)`,
  null, false, true,
  text, media.length, new Date().toISOString(),
);

if (/\b(picture|menu)\b/i.test(text)) {
  return {
    body: "This is how we confirm an order.",
    mediaUrl: utils.getPublicUrl("order-confirmation.png"), // public/demo/order-confirmation.png
  };
}

const shop = utils.getParameter("shop_name");
const thanks = media.length > 0 ? "thank you, it has arrived" : "thank you for writing to us";
return `Hello ${profileName ?? "there"}, ${thanks}. Write "picture" to see how we confirm an order.\n${shop}`;
