// The list of the phones.

import { $, arrange, h, icon } from "./dom.js";
import { kindName, mediaOf } from "./media.js";
import { isFromPhone } from "./model.js";
import { ticks } from "./status.js";

/** The most phones that are listed; the others open by their number. */
const LISTED = 200;

/** `+39 333 123 4567`: groups that are easy to read, not those of the country. */
export function spaced(number) {
  const digits = number.replace(/^\+/, "");
  const country = digits.startsWith("1") || digits.startsWith("7") ? 1 : 2;
  const rest = digits.slice(country);
  const groups = rest.match(/.{1,3}/g) ?? [];
  if (groups.length > 1 && groups.at(-1).length === 1) groups.push(groups.splice(-2).join(""));
  return `+${digits.slice(0, country)} ${groups.join(" ")}`.trim();
}

/** What stands in the circle of a phone: the initials, or the last two digits. */
export function avatar(number, name, element = h("span", { class: "avatar", "aria-hidden": "true" })) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const initials = words.slice(0, 2).map((word) => [...word][0].toUpperCase()).join("");
  element.textContent = initials || number.slice(-2);
  const hue = [...number].reduce((sum, digit) => (sum * 31 + digit.charCodeAt(0)) % 8, 0);
  element.className = `avatar hue-${hue}`;
  return element;
}

export const clock = (message) =>
  new Date(message.date_created).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

/** A message in one line. */
export function line(message) {
  if (message.body) return message.body;
  const [first] = mediaOf(message);
  if (first) return kindName(first);
  if (message.location) return "Location";
  return message.content_sid ? `Template ${message.content_sid}` : "";
}

/** The list; `choose` is called with a number. */
export class PhoneList {
  #entries = new Map();

  constructor(choose) {
    this.choose = choose;
  }

  draw(model, chosen) {
    const phones = model.phonesByActivity();
    const focused = document.activeElement;
    $("no-phones").hidden = phones.length > 0 || model.revision === null;
    const items = phones.slice(0, LISTED).map((phone) => this.#entry(model, phone, chosen));
    if (phones.length > LISTED) {
      items.push(h("li", { class: "empty" }, `${phones.length - LISTED} more: open them by their number.`));
    }
    arrange($("phones"), items);
    if (focused?.isConnected) focused.focus({ preventScroll: true });
  }

  /** The button of a phone stays the same, so that a click on it is not lost when a status changes under the pointer. */
  #entry(model, phone, chosen) {
    let item = this.#entries.get(phone.number);
    if (!item) {
      const choose = () => this.choose(phone.number);
      item = h("li", {}, h("button", { type: "button", class: "phone", "data-number": phone.number, onclick: choose }));
      this.#entries.set(phone.number, item);
    }
    const [button] = item.children;
    if (phone === chosen) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
    const last = model.last(phone);
    const name = model.name(phone);
    const unread = phone === chosen ? 0 : model.unread(phone);
    const key = JSON.stringify([last?.sid, last?.status, last?.body, name, unread]);
    if (item.key === key) return item;
    item.key = key;
    button.replaceChildren(avatar(phone.number, name), summary(phone, last, name, unread));
    return item;
  }
}

function summary(phone, last, name, unread) {
  const answered = () => h("span", { class: "me" }, icon("reply"), h("span", { class: "hidden" }, "Answered: "));
  return h(
    "span",
    { class: "phone-text" },
    h(
      "span",
      { class: "phone-top" },
      h("span", { class: "phone-name" }, name || spaced(phone.number)),
      last && h("time", {}, clock(last)),
    ),
    h(
      "span",
      { class: "phone-line" },
      last && (isFromPhone(last) ? answered() : ticks(last)),
      h("span", { class: "phone-last" }, last ? line(last) : "No message yet"),
      unread > 0 && h("span", { class: "unread" }, String(unread), h("span", { class: "hidden" }, " unread")),
    ),
  );
}
