// Sends a batch of a campaign to the contacts of a company.
//
//   boatswain run broadcast/send --company ACME --vo '{"campaign":"spring","text":"Ciao {name}, spring is here."}'
//
// or with {"campaign", "template": "HX…", "variables": {"1": "{name}"}}, which also reaches who has not written within
// 24 hours. Returns { campaign, sent, failed, remaining, stoppedBy }. While `remaining` is not 0 call it again, by hand
// or from cron, with the campaign's name alone: each call goes on where the one before has ended, however it has ended.

const { company, contentOf, personal } = require("./lib/campaigns");

const BATCH = utils.getParameter("batch_size") ?? 100; // not more than limits.sends
const NAMELESS = utils.getParameter("nameless") ?? "there";
const TIME = 20_000; // milliseconds; a batch ends well before the run's own end (limits.wall_ms) would cut it

const mine = company();
const { campaign, text, template, variables } = vo;
if (typeof campaign !== "string" || campaign === "") throw new TypeError('vo.campaign names the campaign: "spring"');
const content = remembered(contentOf({ text, template, variables }));

const end = Date.now() + TIME;
const count = { sent: 0, failed: 0 };
let stoppedBy = null;
for (const contact of due(BATCH)) {
  if (Date.now() >= end) break;
  // The row comes first, and is in the database for good before the message leaves. If this run dies, or a second one is
  // under way, it says that this contact has had his: the worst is a message that was not sent, never one that was twice.
  const isMine = write(
    "INSERT INTO messages (company, campaign, phone, updated_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
    mine, campaign, contact.phone, now(),
  );
  if (isMine === 0) continue;

  const outcome = utils.whatsapp.send({ to: contact.phone, ...personal(content, contact, NAMELESS) });
  if (outcome.retryable) {
    // It certainly has not left: a cap is reached, sending is paused, Twilio is busy. What holds for this one holds for
    // the next, so the batch ends here, and he is among the first of the next one.
    write("DELETE FROM messages WHERE company = ? AND campaign = ? AND phone = ?", mine, campaign, contact.phone);
    stoppedBy = String(outcome.errorCode);
    break;
  }
  const error = outcome.errorCode === null ? null : String(outcome.errorCode);
  write(
    "UPDATE messages SET sid = ?, status = ?, error = ?, updated_at = ? WHERE company = ? AND campaign = ? AND phone = ?",
    outcome.sid, outcome.status, error, now(), mine, campaign, contact.phone,
  );
  if (error === "RECIPIENT_OPTED_OUT" || error === "21610") {
    write("UPDATE contacts SET opted_out_at = ? WHERE company = ? AND phone = ?", now(), mine, contact.phone);
  }
  count[outcome.status === "failed" ? "failed" : "sent"] += 1;
}

const remaining = due(-1).length; // -1: all
if (stoppedBy) console.warn(`the batch was stopped by ${stoppedBy}: ${remaining} contacts remain`);
return { campaign, ...count, remaining, stoppedBy };

/**
 * What the campaign says: written down at the first call, and the same at all others.
 * @param {ReturnType<typeof contentOf>} given
 */
function remembered(given) {
  if (given) {
    write(
      "INSERT INTO campaigns (company, campaign, content, created_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
      mine, campaign, JSON.stringify(given), now(),
    );
  }
  const [known] = query("SELECT content FROM campaigns WHERE company = ? AND campaign = ?", mine, campaign);
  if (!known) throw new TypeError(`"${campaign}" is new: give it vo.text, or vo.template with vo.variables`);
  if (given && JSON.stringify(given) !== known.content) {
    throw new Error(`"${campaign}" goes out with other words already: another text is another campaign`);
  }
  return JSON.parse(known.content);
}

/**
 * Contacts who may be written to and have not been, at most so many.
 * @param {number} limit
 */
function due(limit) {
  return query(
    `SELECT phone, name FROM contacts AS c
     WHERE company = ? AND opted_out_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM messages AS m WHERE m.company = c.company AND m.campaign = ? AND m.phone = c.phone)
     ORDER BY phone LIMIT ?`,
    mine, campaign, limit,
  );
}

/**
 * @param {string} sql
 * @param {...Boatswain.SqlValue} params
 */
function query(sql, ...params) {
  return JSON.parse(utils.executeQuery(sql, null, ...params));
}

/**
 * @param {string} sql
 * @param {...Boatswain.SqlValue} params
 */
function write(sql, ...params) {
  return utils.executeSql(sql, null, false, true, ...params);
}

function now() {
  return new Date().toISOString();
}
