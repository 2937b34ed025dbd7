// The rules of the codes, in one place.

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** How long a code is good. */
const LIFETIME = 5 * MINUTE;

/** How many wrong codes may be tried before the right one is good for nothing any more. */
const ATTEMPTS = 5;

/**
 * How many codes one phone may ask for. Each brings five attempts, so without the longer window somebody who asks for
 * ever new codes had 2,000 guesses a day among a million; with it he has 50.
 */
const QUOTAS = [
  { codes: 3, within: 10 * MINUTE },
  { codes: 10, within: 24 * HOUR },
];

/** When a row is deleted: when no quota counts it any more. */
const KEPT = Math.max(...QUOTAS.map((quota) => quota.within));

/**
 * "+39 333 123-45.67" → "+393331234567", or null. A code is looked up by its number, so the number has one form; and it
 * is international, for a national one would be one person here and another one abroad.
 * @param {unknown} text
 */
function phoneNumber(text) {
  const digits = String(text ?? "").replace(/^whatsapp:/, "").replace(/[\s().-]/g, "").replace(/^00/, "+");
  return /^\+[1-9]\d{6,14}$/.test(digits) ? digits : null;
}

/**
 * When the phone may ask again, in milliseconds since 1970; null: now. `asked` are the moments of its requests, in any
 * order. Of a quota that is used up the oldest request has to leave the window.
 * @param {number[]} asked
 * @param {number} now
 */
function waitUntil(asked, now) {
  const waits = QUOTAS.map(({ codes, within }) => {
    const counted = asked.filter((at) => at > now - within).sort((a, b) => b - a);
    return counted.length < codes ? null : counted[codes - 1] + within;
  });
  const longest = Math.max(...waits.map((at) => at ?? 0));
  return longest > now ? longest : null;
}

/**
 * The message with the code, as utils.whatsapp.send takes it. Outside of the 24-hour window, and so for nearly everybody
 * who logs in, WhatsApp takes an authentication template only; its text is WhatsApp's own, and the code its variable 1.
 * @param {string} code
 * @param {{ template?: string, shop: string }} parameters
 */
function messageWith(code, { template, shop }) {
  if (template) return { contentSid: template, contentVariables: { 1: code } };
  return { body: `${code} is your code for ${shop}. It is good for five minutes. Do not give it to anybody.` };
}

// How far a message has come. Notifications come in any order, so a status counts only when it leads on.
const STEPS = ["sending", "unknown", "accepted", "queued", "sent", "delivered", "read"];
const FAILURES = ["failed", "undelivered", "canceled"];

/** @param {string} status */
function isFailure(status) {
  return FAILURES.includes(status);
}

/**
 * @param {string} from
 * @param {string} to
 */
function isStepForward(from, to) {
  if (isFailure(from)) return false;
  if (isFailure(to)) return STEPS.indexOf(from) < STEPS.indexOf("delivered");
  return STEPS.indexOf(to) > STEPS.indexOf(from);
}

module.exports = { LIFETIME, ATTEMPTS, QUOTAS, KEPT, phoneNumber, waitUntil, messageWith, isFailure, isStepForward };
