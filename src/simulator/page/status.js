// How far a message has come.

import { h, icon, link } from "./dom.js";

const SYMBOLS = {
  sent: "sent",
  delivered: "delivered",
  read: "delivered",
  failed: "failed",
  undelivered: "failed",
  canceled: "canceled",
};

/** The ticks of a message from the application; a clock while it is on its way. */
export function ticks(message) {
  const symbol = icon(SYMBOLS[message.status] ?? "clock");
  return h("span", { class: `ticks is-${message.status}`, title: message.status }, symbol, h("span", { class: "hidden" }, message.status));
}

/** Twilio's page about a code. */
export const errorPage = (code) => `https://www.twilio.com/docs/api/errors/${code}`;

/** Why a message failed: status, Twilio's code with its page, and what it means. */
export function failure(message) {
  if (!message.error_code) return null;
  const code = link(errorPage(message.error_code), String(message.error_code));
  return h("p", { class: "failure" }, icon("failed"), h("span", {}, h("b", {}, `${message.status}: `), code, message.error_message ? ` ${message.error_message}` : ""));
}

/** How a callback went, in words. */
export function outcome(callback) {
  const tries = callback.attempts === 1 ? "" : `, ${callback.attempts} attempts`;
  return `${callback.answer ? `HTTP ${callback.answer}` : (callback.error ?? "no answer")}${tries}`;
}

/** Whether the application took a callback. */
export const isTaken = (callback) => callback.answer >= 200 && callback.answer < 300;
