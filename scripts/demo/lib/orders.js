// What the shop's actions share. A module is evaluated anew in every run: nothing in it survives from one run to the
// next, so whatever has to last stands in the database. The types in the comments are for editors, which check by them.

// How far a message has come, in Twilio's words. Callbacks arrive in any order, so a status counts only when it is
// ahead of the one we have. `unknown` is the host's word for a message of which nobody can tell whether it left.
/** @type {Record<string, number>} */
const RANK = {
  unknown: 0,
  scheduled: 1,
  accepted: 1,
  queued: 1,
  sending: 2,
  sent: 3,
  delivered: 4,
  read: 5,
};
const FAILURES = ["failed", "undelivered", "canceled"];

/** @param {string} status */
function isFailure(status) {
  return FAILURES.includes(status);
}

/**
 * Whether a message that is `from` may become `to`. A failure is final, and a word that we don't know moves nothing.
 * @param {string} from
 * @param {string} to
 */
function isStepForward(from, to) {
  if (isFailure(from)) return false;
  if (isFailure(to)) return RANK[from] < RANK.delivered;
  return RANK[to] > RANK[from];
}

/**
 * An order is as far as the least advanced of its messages, and has failed when one of them has.
 * @param {string[]} statuses
 */
function stateOf(statuses) {
  return statuses.some(isFailure) ? "failed" : statuses.reduce((a, b) => (RANK[b] < RANK[a] ? b : a));
}

/**
 * 4890 → "48.90 EUR". Cents are whole numbers, so no rounding can creep in.
 * @param {number} cents
 * @param {string} currency
 */
function formatMoney(cents, currency) {
  return `${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, "0")} ${currency}`;
}

/**
 * The messages of an order, in the order in which they were sent.
 * @param {string} orderId
 * @returns {{ kind: string, sid: string | null, status: string, error: string | null }[]}
 */
function messagesOf(orderId) {
  const sql = "SELECT kind, sid, status, error FROM order_messages WHERE order_id = ? ORDER BY rowid";
  return JSON.parse(utils.executeQuery(sql, null, orderId)); // executeQuery returns JSON text
}

/**
 * Brings an order's state in line with its messages. They only move forward, and so does the order.
 * @param {string} orderId
 */
function updateOrder(orderId) {
  const state = stateOf(messagesOf(orderId).map((message) => message.status));
  const sql = "UPDATE orders SET state = ?, updated_at = ? WHERE order_id = ? AND state <> ?";
  utils.executeSql(sql, null, false, true, state, new Date().toISOString(), orderId, state);
  return state;
}

module.exports = { isFailure, isStepForward, stateOf, formatMoney, messagesOf, updateOrder };
