const outcome = utils.whatsapp.send({
  to: "+39 333 123 4567",
  body: "This is how it will arrive.",
  mediaUrl: utils.getPublicUrl("parcel.png"),
});
if (!outcome.success && outcome.retryable) console.warn(`to be sent later: ${outcome.errorCode}`);
return outcome.sid;
