// A function as a number.
return utils.sendWhatsappMessage(() => '+393331234567', 'x');
