// What contacts write back; app-params.toml names it as `incoming_message`.
//
// The host hears STOP and START by itself, and lets no message through to whoever wrote STOP. Here they are noted beside
// the contact, so that he is not even among those who are due, and no report counts him as a failure.

/** @type {Boatswain.IncomingMessage} */
const { Body = "" } = vo;
const word = Body.trim().toLowerCase();
const optsOut = /^(stop|stop ?all|unsubscribe|opt ?out)[.!]?$/.test(word);
const optsIn = /^(start|unstop)[.!]?$/.test(word);
if (optsOut || optsIn) {
  utils.executeSql(
    "UPDATE contacts SET opted_out_at = ? WHERE company = :COMPANY_ID AND phone = :PHONE_NUMBER",
    null, false, true,
    optsOut ? new Date().toISOString() : null,
  );
}
if (optsOut) return; // whoever wants no messages wants none that says so
return optsIn ? "Welcome back." : utils.getParameter("auto_reply");
