const { account, key, sender } = utils.getParameter("branch");
const contentSid = "HX00000000000000000000000000000001";
const result = utils.sendWhatsappTemplateWithSettings(
  account, key, sender, "+39 333 123 4567", contentSid, { 1: "Ada", 2: "A-7" },
);
return JSON.parse(result).sid;
