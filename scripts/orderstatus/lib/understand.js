// What somebody means, as far as a few words tell. It needs no learning: where it is at a loss it says what it can do.

// In the languages of the shop's customers, without accents and in lower case, as plain() makes them. The first that fits
// is what is meant.
const WORDS = {
  stop: /^\W*(stop|stop ?all|unsubscribe|opt ?out)\W*$/, // the host hears it too, and sends this person nothing any more
  agent: /\b(agent|human|somebody|someone|operator|operatore|persona|umano)\b/,
  bot: /^\W*(bot|back|indietro)\W*$/,
  help: /^\W*(help|aiuto|menu|info|start|hello|hi|ciao|buongiorno|buonasera)\b|^\W*\?+\W*$/,
  orders: new RegExp(
    "\\b(orders?|ordin[ei]|parcels?|packages?|pacc(o|hi)|where|dove?|when|quando|status|stato|" +
      "(track|deliver|consegn|sped|arriv)\\w*)\\b",
  ),
};

/**
 * "Perché  È\nqui?" → "perche e qui?": people write on phones, in a hurry, with or without accents.
 * @param {string} text
 */
function plain(text) {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/\s+/g, " ").trim();
}

/**
 * The order numbers in a text, five at most: "#12" with one to eight digits, any other number with four to eight. What is
 * a part of something longer (a phone number, an amount, a date) is none.
 * @param {string} text
 */
function orderNumbers(text) {
  const withoutPhones = text.replace(/(\+|\b00)\d[\d ./-]{6,}\d/g, " ");
  const found = withoutPhones.matchAll(/(?<![\d/€$-]|\d[.,])(?:# ?(\d{1,8})|(\d{4,8}))(?!\d|[.,/-]\d| ?(?:€|eur))/g);
  return [...new Set(Array.from(found, ([, marked, bare]) => marked ?? bare))].slice(0, 5);
}

/**
 * The place in a list that a text names, from 0: "2", "2.", " (2) "; null where it is something else.
 * @param {string} text
 */
function choice(text) {
  const [, digits] = /^\W*(\d{1,2})\W*$/.exec(text) ?? [];
  return digits === undefined ? null : Number(digits) - 1;
}

/**
 * { intent, numbers, choice }; the intent is one of WORDS, or "unknown". A button's payload is read in the same way.
 * @param {string} text
 */
function understand(text) {
  const words = plain(text);
  const [intent] = Object.entries(WORDS).find(([, pattern]) => pattern.test(words)) ?? ["unknown"];
  return { intent, numbers: orderNumbers(words), choice: choice(words) };
}

module.exports = { understand, plain, orderNumbers };
