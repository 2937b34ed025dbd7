// Everything that is known of one message.

import { h, icon, link } from "./dom.js";
import { mediaOf } from "./media.js";
import { isFromPhone, number } from "./model.js";
import { errorPage, isTaken, outcome, ticks } from "./status.js";

const moment = (date) => date && new Date(date).toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });

/** The panel of a message. */
export function details(message, close, reply) {
  const facts = [
    ["Status", h("span", { class: "status" }, isFromPhone(message) ? null : ticks(message), message.status)],
    ["Why", message.error_code && [link(errorPage(message.error_code), String(message.error_code)), message.error_message ? ` ${message.error_message}` : ""]],
    ["Wrong in the answer", (message.answer_errors ?? []).map(({ code, message }) => h("div", {}, link(errorPage(code), String(code)), ` ${message}`))],
    ["Reply to", message.reply_to && code(message.reply_to)],
    ["SID", code(message.sid)],
    ["Account", code(message.account_sid)],
    ["Messaging service", message.messaging_service_sid && code(message.messaging_service_sid)],
    ["From", code(number(message.from) || "not chosen yet")],
    ["To", code(number(message.to))],
    ["Profile name", message.profile_name],
    ["Template", message.content_sid && code(message.content_sid)],
    ["Variables", message.content_variables && code(message.content_variables)],
    ["Created", moment(message.date_created)],
    ["Sent", moment(message.date_sent)],
    ["Changed", moment(message.date_updated)],
    ["Media", mediaOf(message).map((medium) => h("div", { class: "break" }, link(new URL(medium.url, location.href).href), type(medium)))],
    ["Medium", fetched(message.media)],
    ["Status callback", message.status_callback && h("span", { class: "break" }, message.status_callback)],
  ];
  const shown = facts.filter(([, value]) => value && value.length !== 0);
  return [
    h(
      "header",
      { class: "side-top" },
      h("h2", {}, isFromPhone(message) ? "Answer of the phone" : "Message"),
      h("button", { type: "button", class: "icon", "aria-label": "Close", onclick: close }, icon("close")),
    ),
    h("button", { type: "button", class: "outlined", onclick: reply }, icon("reply"), "Reply to it"),
    h("dl", { class: "facts" }, ...shown.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, ...[value].flat())])),
    h("h3", {}, isFromPhone(message) ? "Requests to the application" : "Callbacks"),
    callbacks(message),
    h("details", { class: "raw" }, h("summary", {}, "As JSON"), h("pre", { tabindex: "0" }, JSON.stringify(message, null, 2))),
  ];
}

const code = (text) => h("code", {}, text);

const type = (medium) => (medium.content_type ? ` (${medium.content_type})` : "");

function fetched(record) {
  if (!record) return undefined;
  switch (record.result) {
    case "fetched":
      return `fetched: ${record.content_type}, ${record.size} bytes`;
    case "failed":
      return `${record.error_code}: ${record.why}`;
    default:
      return "not fetched: it is not on this computer";
  }
}

function callbacks({ callbacks = [] }) {
  if (callbacks.length === 0) return h("p", { class: "empty" }, "None.");
  const row = (callback) =>
    h(
      "tr",
      {},
      h("td", {}, callback.status),
      h("td", { class: isTaken(callback) ? "good" : "bad" }, callback.answer ? `HTTP ${callback.answer}` : outcome({ ...callback, attempts: 1 })),
      h("td", { class: "count" }, String(callback.attempts)),
    );
  const head = ["Status", "Answer", "Attempts"].map((name) => h("th", { scope: "col" }, name));
  return h("table", { class: "callbacks" }, h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...callbacks.map(row)));
}
