// The bubbles of a conversation, as the phone shows them.

import { $, arrange, h, icon } from "./dom.js";
import { medium, mediaOf } from "./media.js";
import { isFromPhone, senderOf } from "./model.js";
import { clock, line } from "./phones.js";
import { failure, isTaken, outcome, ticks } from "./status.js";
import { formatted } from "./text.js";

/** How many messages are shown at first, and how many more each time they are asked for. */
const PAGE = 200;
/** How near to its end, in pixels, a conversation follows what is new. */
const NEAR = 80;

export class Conversation {
  #drawn = new Map();
  #phone;
  #shown = PAGE;
  /** Whether it keeps to its end. */
  #follows = true;

  /** `details` is called with a sid. */
  constructor(details) {
    this.details = details;
    $("earlier").addEventListener("click", () => {
      this.#shown += PAGE;
      const scroll = $("scroll");
      const fromEnd = scroll.scrollHeight - scroll.scrollTop;
      this.draw(this.model, this.#phone);
      scroll.scrollTop = scroll.scrollHeight - fromEnd;
    });
    // Pictures grow when they are there.
    new ResizeObserver(() => this.#follows && this.toEnd()).observe($("messages"));
    $("scroll").addEventListener("scroll", () => {
      const scroll = $("scroll");
      this.#follows = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;
    });
  }

  /** Draws what has changed. */
  draw(model, phone) {
    this.model = model;
    if (phone !== this.#phone) {
      this.#phone = phone;
      this.#shown = PAGE;
      this.#drawn.clear();
      this.#follows = true;
      $("messages").replaceChildren();
    }
    const all = model.conversation(phone);
    const shown = all.slice(-this.#shown);
    $("earlier").hidden = shown.length === all.length;
    const severalSenders = new Set(all.map(senderOf).filter(Boolean)).size > 1;
    const items = [];
    let day;
    for (const message of shown) {
      const date = new Date(message.date_created).toDateString();
      if (date !== day) items.push(this.#day(date, message));
      day = date;
      items.push(this.#bubble(message, severalSenders));
    }
    arrange($("messages"), items);
    if (this.#follows) this.toEnd();
  }

  toEnd() {
    const scroll = $("scroll");
    scroll.scrollTop = scroll.scrollHeight;
  }

  #day(date, message) {
    const key = `day ${date}`;
    if (!this.#drawn.has(key)) {
      const text = new Date(message.date_created).toLocaleDateString([], { weekday: "long", day: "numeric", month: "long" });
      this.#drawn.set(key, { item: h("li", { class: "day" }, h("span", {}, text)) });
    }
    return this.#drawn.get(key).item;
  }

  /** The bubble of a message; what stands in it is drawn anew only when it has changed, so that media go on playing. */
  #bubble(message, severalSenders) {
    let drawn = this.#drawn.get(message.sid);
    if (!drawn) {
      const content = h("div", { class: "content" });
      const why = h("div", {});
      const open = () => this.details(message.sid);
      const button = h("button", { type: "button", class: "details", title: "Details", onclick: open });
      const bubble = h("article", { class: "bubble" }, content, why, h("div", { class: "meta", "aria-live": "off" }, button));
      const item = h("li", { class: isFromPhone(message) ? "mine" : "theirs", "data-sid": message.sid }, bubble);
      drawn = { item, content, why, button };
      this.#drawn.set(message.sid, drawn);
    }
    if (drawn.message === message && drawn.severalSenders === severalSenders) return drawn.item;
    const looks = JSON.stringify([message.body, message.shown_body, message.attachments, message.media, message.content_sid, message.location]);
    if (looks !== drawn.looks) drawn.content.replaceChildren(...contents(message, this.model.messages.get(message.reply_to)));
    drawn.why.replaceChildren(...[failure(message)].filter(Boolean));
    drawn.button.replaceChildren(
      severalSenders ? h("span", { class: "via" }, senderOf(message)) : "",
      h("time", {}, clock(message)),
      isFromPhone(message) ? handedOn(message) : ticks(message),
      h("span", { class: "hidden" }, " details"),
    );
    Object.assign(drawn, { message, looks, severalSenders });
    return drawn.item;
  }
}

/** Whether the application took what a phone wrote. */
function handedOn(message) {
  const last = message.callbacks?.at(-1);
  if (!last) return h("span", { class: "handed" }, "not handed on");
  return h("span", { class: `handed ${isTaken(last) ? "is-taken" : "is-refused"}` }, isTaken(last) ? "handed on" : outcome(last));
}

function contents(message, repliedTo) {
  const media = mediaOf(message);
  const body = message.shown_body ?? message.body;
  const parts = media.map(medium);
  if (repliedTo) parts.unshift(h("blockquote", {}, line(repliedTo)));
  if (message.content_sid) {
    parts.unshift(h("p", { class: "template" }, icon("template"), `Template ${message.content_sid}`));
    if (!body && message.content_variables) parts.push(h("pre", { class: "variables" }, message.content_variables));
  }
  if (message.location) parts.push(place(message.location));
  if (body) parts.push(h("p", { class: "text" }, ...formatted(body)));
  if (message.body && body !== message.body) {
    parts.push(h("p", { class: "aside" }, `WhatsApp drops the text: “${message.body}”`));
  }
  if (message.button) parts.push(h("p", { class: "aside" }, `Button ${message.button.payload ?? ""}`));
  if (parts.length === 0) parts.push(h("p", { class: "aside" }, "No text"));
  return parts;
}

function place({ latitude, longitude, label, address }) {
  return h(
    "div",
    { class: "card" },
    icon("place"),
    h("div", {}, h("p", { class: "card-name" }, label || "Location"), h("p", { class: "card-facts" }, [address, `${latitude}, ${longitude}`].filter(Boolean).join(" · "))),
  );
}
