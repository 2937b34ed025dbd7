/** @type {Boatswain.IncomingMessage} */
const { Body, profileName } = vo;
if (Body === "menu") return { body: "Today:", mediaUrl: utils.getPublicUrl("menu.png") };
return `Hello ${profileName ?? "there"}, we will look at it.`;
