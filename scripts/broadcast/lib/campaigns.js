// What the actions share: whose campaign it is, what it says to whom, and how far a message has come.

/** The company in whose name the action runs. A contact has agreed to hear from one company, and from no other. */
function company() {
  if (companyId === "NODEFINED") throw new Error("this is done in the name of a company: --company ACME");
  return companyId;
}

/**
 * "+39 333 123-45.67" → "+393331234567", or null for what is no international number.
 * @param {unknown} text
 */
function phoneNumber(text) {
  const digits = String(text ?? "").replace(/^whatsapp:/, "").replace(/[\s().-]/g, "").replace(/^00/, "+");
  return /^\+[1-9]\d{6,14}$/.test(digits) ? digits : null;
}

/** @typedef {{ body: string } | { contentSid: string, contentVariables: Record<string, string | number> }} Content */

/**
 * What a campaign says, from the input of `send`: a text, or a template with its variables. Null where there is neither.
 * A placeholder that nobody fills is found here, before the first customer reads it.
 * @param {{ text?: string, template?: string, variables?: Record<string, string | number> }} given
 * @returns {Content | null}
 */
function contentOf({ text, template, variables = {} }) {
  if (text != null && template != null) throw new TypeError("a campaign has a text or a template, not both");
  const texts = text == null ? Object.values(variables) : [text];
  const unknown = texts.flatMap((one) => String(one).match(/\{\w*\}/g) ?? []).find((found) => found !== "{name}");
  if (unknown) throw new TypeError(`${unknown} means nothing here: {name} is the contact's name`);
  if (text != null) return { body: text };
  return template == null ? null : { contentSid: template, contentVariables: variables };
}

/**
 * The content for one contact. Whoever has no name is greeted as `nameless` says.
 * @param {Content} content
 * @param {{ name: string | null }} contact
 * @param {string} nameless
 */
function personal(content, { name }, nameless) {
  /** @param {string | number} text */
  const fill = (text) => String(text).replaceAll("{name}", () => name ?? nameless);
  if ("body" in content) return { body: fill(content.body) };
  const variables = Object.entries(content.contentVariables).map(([key, text]) => [key, fill(text)]);
  return { contentSid: content.contentSid, contentVariables: Object.fromEntries(variables) };
}

const STEPS = ["unknown", "accepted", "queued", "sent", "delivered", "read"];
const FAILURES = ["failed", "undelivered", "canceled"];

/**
 * Whether a message that is `from` may become `to`: notifications come in any order, and a failure is final.
 * @param {string} from
 * @param {string} to
 */
function isStepForward(from, to) {
  if (FAILURES.includes(from)) return false;
  if (FAILURES.includes(to)) return STEPS.indexOf(from) < STEPS.indexOf("delivered");
  return STEPS.indexOf(to) > STEPS.indexOf(from);
}

module.exports = { company, phoneNumber, contentOf, personal, isStepForward };
