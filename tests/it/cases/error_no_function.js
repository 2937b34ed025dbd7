utils.whatsapp.sent({ to: "+39" });
