const outcome = utils.whatsapp.send({ to: "+39" });
return JSON.parse(outcome).success;
