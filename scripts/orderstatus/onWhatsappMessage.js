// Answers what customers write; app-params.toml names it as `incoming_message`. What it returns is the reply.
//
// A customer hears about his own orders only: an order is looked for by the phone that writes, and one of somebody else's
// is answered as one that does not exist.

const { understand } = require("./lib/understand");
const { sentence, ordersOf, orderOfMessage, isTold } = require("./lib/orders");
const { person, ask, handOver, handBack, keep } = require("./lib/people");

const HELP =
  'Write the number of your order, such as "#4711", or "Where is my order?" to hear where it is. ' +
  'Write "agent" to talk to a human.';

// A message takes 1,600 characters: of more orders than these the customer hears when he asks for their numbers.
const LISTED = 10;
const NEWS = 5;

/** @type {Boatswain.IncomingMessage} */
const message = vo;
if (message.phoneNumber === null) return; // whom Twilio names by something else than a number has no orders here
const phone = message.phoneNumber;

// A button that was tapped says what it means in its payload ("order:4711"), and is otherwise as good as its text.
const { intent, numbers, choice } = understand(message.button?.payload ?? message.Body ?? "");
const { choices, withAgent } = person(phone);

if (intent === "stop") return; // the host sends this person nothing any more, so there is nothing to reply
if (withAgent && intent !== "bot") {
  keep(phone, "customer", message.Body || "(something that is no text)");
  handOver(phone); // for as long again
  return;
}
if (withAgent) handBack(phone);

const mine = ordersOf(phone);
return [answer(), ...news()].join("\n");

function answer() {
  if (intent === "agent") {
    keep(phone, "customer", message.Body);
    handOver(phone);
    console.warn("a customer asks for a human: orderstatus/agent shows who");
    return 'A colleague will write to you here. Write "bot" to come back to me.';
  }
  if (numbers.length > 0) return aboutNumbers();

  const chosen = choice === null ? null : mine.find((order) => order.number === choices[choice]);
  if (chosen) return about([chosen]);

  // A reply to one of our messages is about the order of that message, whatever its words are.
  const replied = orderOfMessage(phone, message.OriginalRepliedMessageSid ?? null);
  if (replied) return about([replied]);

  return intent === "orders" ? aboutPhone() : HELP;
}

function aboutNumbers() {
  const found = mine.filter((order) => numbers.includes(order.number));
  if (found.length > 0) return about(found);
  return `I find no order ${numbers.join(" or ")} of this phone number. ${HELP}`;
}

function aboutPhone() {
  if (mine.length === 0) return `I find no order of this phone number. ${HELP}`;
  // Who has three orders, two of them delivered long ago, means the third.
  const underWay = mine.filter((order) => !["delivered", "cancelled"].includes(order.state));
  const meant = underWay.length > 0 ? underWay : mine;
  if (meant.length === 1) return about(meant);
  const choices = meant.slice(0, LISTED).map((order) => order.number);
  ask(phone, choices);
  return ["Which of your orders do you mean?", ...choices.map((number, index) => `${index + 1}. ${number}`)].join("\n");
}

/** @param {typeof mine} orders */
function about(orders) {
  orders.forEach((order) => isTold(order));
  return orders.map(sentence).join("\n");
}

/** What could not be told when it happened, because the 24 hours were over. Now they have begun again. */
function news() {
  const untold = ordersOf(phone).filter((order) => order.told !== order.state).slice(0, NEWS);
  untold.forEach((order) => isTold(order));
  return untold.map((order) => `News: ${sentence(order)}`);
}
