const { open } = JSON.parse(utils.getWhatsappWindow("+39 333 123 4567"));
if (open) return JSON.parse(sendWhatsappMessage("+39 333 123 4567", "Any news?")).success;
return JSON.parse(utils.sendWhatsappTemplate("+39 333 123 4567", "HX00000000000000000000000000000001")).success;
