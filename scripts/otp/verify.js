// Says whether a code is the one that was sent to a phone. A code is good once.
//
//   boatswain run otp/verify --vo '{"phone":"+393331234567","code":"123456"}'
//
// Returns { verified, reason }, both always there; `reason` is null, or
//   no_code            there is none: never asked for, used already, replaced by a newer one, or it could not be sent
//   expired            five minutes are over
//   wrong_code         it is another one, and there are attempts left
//   too_many_attempts  five wrong ones were tried: a new code has to be asked for

const { ATTEMPTS, phoneNumber } = require("./lib/codes");

const phone = phoneNumber(vo.phone);
const typed = String(vo.code ?? "").replace(/\s/g, ""); // people write "123 456"

const [latest] = JSON.parse(
  utils.executeQuery(
    `SELECT id, code, state, attempts, expires_at FROM codes WHERE company = ? AND phone = ?
     ORDER BY created_at DESC, rowid DESC LIMIT 1`,
    null, companyId, phone,
  ),
);

// A wrong answer is an answer, not an error: an error would undo the run, and with it the attempt that it has counted.
if (latest?.state === "expired") return no("expired");
if (latest?.state === "blocked") return no("too_many_attempts");
if (latest?.state !== "open") return no("no_code");
if (Date.now() >= latest.expires_at) {
  close("expired");
  return no("expired");
}
if (typed !== latest.code) {
  utils.executeSql("UPDATE codes SET attempts = attempts + 1 WHERE id = ?", null, false, true, latest.id);
  if (latest.attempts + 1 < ATTEMPTS) return no("wrong_code");
  close("blocked");
  return no("too_many_attempts");
}
close("used");
return { verified: true, reason: null };

/**
 * One transaction writes at a time, and this run is one: of two that come with the right code, one finds it used.
 * @param {string} state
 */
function close(state) {
  utils.executeSql("UPDATE codes SET state = ?, code = NULL WHERE id = ?", null, false, true, state, latest.id);
}

/** @param {string} reason */
function no(reason) {
  return { verified: false, reason };
}
