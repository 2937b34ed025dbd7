const result = sendWhatsappMessage("+39 333 123 4567", "Your parcel is on its way.");
const outcome = JSON.parse(result);
if (!outcome.success) console.error(outcome.errorMessage);
return outcome.sid;
