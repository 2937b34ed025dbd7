// Sends a one-time password of six digits to a phone.
//
//   boatswain run otp/request --vo '{"phone":"+393331234567"}'
//
// Returns { sent, requestId, expiresAt, reason, retryAt }, each member always there. The code itself is in nothing that
// this action returns or logs: whoever reads the log of a host must not be able to log in as somebody else.

const { LIFETIME, KEPT, phoneNumber, waitUntil, messageWith } = require("./lib/codes");

const now = Date.now();
const phone = phoneNumber(vo.phone);
if (!phone) return refusal("invalid_phone");

// What no limit counts any more is deleted here: a request is the only thing that makes rows, so they cannot pile up.
utils.executeSql("DELETE FROM codes WHERE created_at <= ?", null, false, true, now - KEPT);

const asked = JSON.parse(
  utils.executeQuery(
    "SELECT created_at FROM codes WHERE company = ? AND phone = ? AND state <> 'unsent'", null, companyId, phone,
  ),
);
const retryAt = waitUntil(asked.map((row) => row.created_at), now);
if (retryAt !== null) return refusal("too_many_requests", new Date(retryAt).toISOString());

// The database draws the code, because its random() is fit for secrets: ChaCha20 with a key from the operating system
// (https://sqlite.org/src/file/src/random.c). Math.random is not, for who knows a run's seed knows all that it draws.
//
// The code is stored as it is. A hash would hide nothing: a million codes are hashed in a second, and whoever has the
// database has the hash. What protects it is that it is gone after five minutes, five attempts or one use.
const [{ id, code }] = JSON.parse(
  utils.executeQuery(
    "SELECT lower(hex(randomblob(16))) AS id, printf('%06d', (random() & 0x7fffffffffffffff) % 1000000) AS code",
  ),
);

// A new code makes older ones invalid: two that are good would be twice as easy to guess.
utils.executeSql(
  "UPDATE codes SET state = 'replaced', code = NULL WHERE company = ? AND phone = ? AND state = 'open'",
  null, false, true,
  companyId, phone,
);
utils.executeSql(
  "INSERT INTO codes (id, company, phone, code, created_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)",
  null, false, true,
  id, companyId, phone, code, now, now + LIFETIME,
);

// The code is in the database for good before its message leaves, so nobody gets one that is not known here.
const template = utils.getParameter("otp_template");
const shop = utils.getParameter("shop_name") ?? "our shop";
const outcome = utils.whatsapp.send({ to: phone, ...messageWith(code, { template, shop }) });

// A message that certainly has not left cost nobody anything: it does not count, and its code is nobody's. Of one of
// which nobody can tell ("unknown") the person may well hold the code in his hand.
const left = outcome.success || outcome.status === "unknown";
utils.executeSql(
  `UPDATE codes SET sid = ?, delivery = ?, error = ?, state = iif(?, state, 'unsent'), code = iif(?, code, NULL)
   WHERE id = ?`,
  null, false, true,
  outcome.sid, outcome.status, outcome.errorCode === null ? null : String(outcome.errorCode), left, left, id,
);
if (!left) {
  console.error(`a code was not sent: ${outcome.errorCode}: ${outcome.errorMessage}`);
  return refusal(outcome.retryable ? "try_again" : "not_sent");
}
return {
  sent: true,
  requestId: id,
  expiresAt: new Date(now + LIFETIME).toISOString(),
  reason: null,
  retryAt: null,
};

/**
 * @param {string} reason
 * @param {string | null} retryAt
 */
function refusal(reason, retryAt = null) {
  return { sent: false, requestId: null, expiresAt: null, reason, retryAt };
}
