const { account, key, sender } = utils.getParameter("branch");
const result = sendWhatsappMessageWithSettings(account, key, sender, "+39 333 123 4567", "Hello from the branch.");
return JSON.parse(result).sid;
