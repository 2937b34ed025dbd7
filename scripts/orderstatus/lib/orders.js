// Orders as customers hear of them.

/** The states of an order, and what a customer is told of each. */
const STATES = {
  received: "has been received",
  packed: "is packed",
  shipped: "is on its way",
  delivered: "has been delivered",
  cancelled: "has been cancelled",
};

/** What is asked for most. */
const COLUMNS = "order_no AS number, phone, state, note, told";

function query(sql, ...params) {
  return JSON.parse(utils.executeQuery(sql, null, ...params)); // executeQuery returns JSON text
}

/** "Your order 4711 is on its way (DHL 00340)." */
function sentence({ number, state, note }) {
  return `Your order ${number} ${STATES[state]}${note ? ` (${note})` : ""}.`;
}

/** Orders of a phone, the newest change first. Nothing here finds an order without asking whose it is. */
function ordersOf(phone) {
  return query(`SELECT ${COLUMNS} FROM orders WHERE phone = ? ORDER BY updated_at DESC, order_no`, phone);
}

/** The order of a phone that a message of ours was about; undefined where it was about none. */
function orderOfMessage(phone, sid) {
  return query(`SELECT ${COLUMNS} FROM orders WHERE phone = ? AND told_sid = ?`, phone, sid ?? null)[0];
}

/** Notes that the customer knows the state of an order, by a message that has a sid or by a reply. */
function isTold(order, sid = null) {
  const sql = "UPDATE orders SET told = ?, told_sid = coalesce(?, told_sid) WHERE order_no = ?";
  utils.executeSql(sql, null, false, true, order.state, sid, order.number);
}

/** "+39 333 123-45.67" → "+393331234567", as vo.phoneNumber has it. */
function phoneNumber(text) {
  const digits = String(text ?? "").replace(/[\s().-]/g, "");
  if (!/^\+[1-9]\d{6,14}$/.test(digits)) {
    throw new TypeError(`vo.phone is a number in international form, +39…, and not "${text ?? ""}"`);
  }
  return digits;
}

module.exports = { STATES, sentence, ordersOf, orderOfMessage, isTold, phoneNumber };
