const record = utils.getWhatsappMessage("SM00000000000000000000000000000001");
return record === null ? "never sent" : JSON.parse(record).status;
