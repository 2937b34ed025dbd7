// An action with one mistake a line: behind each stands what an editor must say of it. Two codes are two versions'.

/** @type {Boatswain.Notification} */
const notification = vo;
/** @type {Boatswain.IncomingMessage} */
const { Body, profileNames } = vo; // TS2339 'profileNames' does not exist on type 'IncomingMessage'

console.log(notification.messageSid); // TS2551 Did you mean 'MessageSid'?
if (notification.MessageStatus === 5) console.log(Body); // TS2367 have no overlap
const text = utils.sendWhatsapMessage("+393331234567", "Ciao"); // TS2551 Did you mean 'sendWhatsappMessage'?

const result = sendWhatsappMessage("+393331234567", "Ciao");
if (result.success) console.log(text); // TS2339 'success' does not exist on type 'JsonString<WhatsappOutcome>'
const outcome = JSON.parse(result);
if (outcome.succes) console.log(1); // TS2551 Did you mean 'success'?
if (outcome.success) console.log(outcome.errorMessage.length); // TS18047 'outcome.errorMessage' is possibly 'null'

sendWhatsappMessage({ to: "+393331234567" }, "Ciao"); // TS2345 Argument of type
sendWhatsappMessage("+393331234567", "Ciao", "bucket", "file.pdf", null, 1); // TS2554 Expected 1-5 arguments, but got 6
utils.sendWhatsappTemplate("+393331234567"); // TS2554 Expected 2-3 arguments, but got 1
utils.whatsapp.send({ to: "+393331234567", message: "Ciao" }); // TS2353 'message' does not exist in type 'WhatsappMessage'
utils.whatsapp.send({ body: "Ciao" }); // TS2345/2741 Property 'to' is missing
utils.executeSql("DELETE FROM orders WHERE id = ?", null, false, true, { id: 1 }); // TS2345 'SqlValue'
utils.executeQuery("SELECT 1", "other"); // TS2345 Argument of type
JSON.parse(utils.executeQuery("SELECT 1", null)).lenght; // TS2551 Did you mean 'length'?
JSON.parse(utils.getWhatsappMessage("SM1")); // TS2769 JsonString<WhatsappMessageRecord> | null
utils.log("careful", "warning!"); // TS2345 '"warning!"'
utils.reply("Ciao"); // TS2339 Property 'reply' does not exist on type 'Utils'
JSON.parse(utils.getWhatsappWindow("+393331234567")).opened; // TS2551 Did you mean 'open'?

process.exit(); // TS2591 Cannot find name 'process'
document.title; // TS2584 Cannot find name 'document'
await fetch("https://shop.example"); // TS2304 Cannot find name 'fetch'
const { formatMony } = require("./lib/money"); // TS2305 'formatMony'
require("./lib/nothing"); // TS2307 Cannot find module './lib/nothing'
return utils.getPublicURL("menu.png"); // TS2551 Did you mean 'getPublicUrl'?
