// Orders as customers hear of them.

/** @typedef {{ number: string, state: string, note: string | null, told: string | null }} Order */

/**
 * The states of an order, and what a customer is told of each.
 * @type {Record<string, string>}
 */
const STATES = {
  received: "has been received",
  packed: "is packed",
  shipped: "is on its way",
  delivered: "has been delivered",
  cancelled: "has been cancelled",
};

/** What is asked for most. */
const COLUMNS = "order_no AS number, state, note, told";

/**
 * @param {string} sql
 * @param {...string | null} params
 * @returns {Order[]}
 */
function query(sql, ...params) {
  return JSON.parse(utils.executeQuery(sql, null, ...params)); // executeQuery returns JSON text
}

/**
 * "Your order 4711 is on its way (DHL 00340)."
 * @param {Pick<Order, "number" | "state" | "note">} order
 */
function sentence({ number, state, note }) {
  return `Your order ${number} ${STATES[state]}${note ? ` (${note})` : ""}.`;
}

/**
 * Orders of a phone, the newest change first. Nothing here finds an order without asking whose it is.
 * @param {string} phone
 */
function ordersOf(phone) {
  return query(`SELECT ${COLUMNS} FROM orders WHERE phone = ? ORDER BY updated_at DESC, order_no`, phone);
}

/**
 * The order of a phone that a message of ours was about; undefined where it was about none.
 * @param {string} phone
 * @param {string | null} sid
 */
function orderOfMessage(phone, sid) {
  return query(`SELECT ${COLUMNS} FROM orders WHERE phone = ? AND told_sid = ?`, phone, sid)[0];
}

/**
 * Notes that the customer knows the state of an order, by a message that has a sid or by a reply.
 * @param {Pick<Order, "number" | "state">} order
 * @param {string | null} sid
 */
function isTold(order, sid = null) {
  const sql = "UPDATE orders SET told = ?, told_sid = coalesce(?, told_sid) WHERE order_no = ?";
  utils.executeSql(sql, null, false, true, order.state, sid, order.number);
}

/**
 * "+39 333 123-45.67" → "+393331234567", as vo.phoneNumber has it.
 * @param {unknown} text
 */
function phoneNumber(text) {
  const digits = String(text ?? "").replace(/[\s().-]/g, "");
  if (!/^\+[1-9]\d{6,14}$/.test(digits)) {
    throw new TypeError(`vo.phone is a number in international form, +39…, and not "${text ?? ""}"`);
  }
  return digits;
}

module.exports = { STATES, sentence, ordersOf, orderOfMessage, isTold, phoneNumber };
