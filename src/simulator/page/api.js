// The simulator's interface under /simulator.

import { $, h } from "./dom.js";

async function ask(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const answer = await fetch(`/simulator${path}`, options);
  const text = await answer.text();
  if (!answer.ok) throw new Error(reason(text) || `${method} /simulator${path}: HTTP ${answer.status}`);
  return text ? JSON.parse(text) : null;
}

function reason(text) {
  try {
    const { message, code } = JSON.parse(text);
    return code ? `${message} (${code})` : message;
  } catch {
    return text.slice(0, 300);
  }
}

export const about = () => ask("GET", "");
export const accounts = () => ask("GET", "/accounts");
export const messages = (since) => ask("GET", `/messages${since === null ? "" : `?since=${since}`}`);
export const incoming = (message) => ask("POST", "/incoming", message);
export const scripts = () => ask("GET", "/scripts");
export const script = (to, what, times) => ask("POST", "/scripts", { to, script: what, times });
export const rules = (name) => ask("POST", "/rules", { rules: name });
export const forward = (ms) => ask("POST", "/clock", { forward_ms: ms });
export const forget = () => ask("DELETE", "/messages");

/** Shows why something did not work, until it is clicked away or half a minute has passed. */
export function notify(error) {
  const notice = h("div", { class: "notice" }, h("span", {}, String(error?.message ?? error)));
  const close = () => notice.remove();
  notice.append(h("button", { type: "button", class: "quiet", onclick: close }, "Close"));
  setTimeout(close, 30_000);
  $("notices").append(notice);
}

/** Does something for a click, and says why if it can't be done. */
export const attempt = (what) => async (...given) => {
  try {
    return await what(...given);
  } catch (error) {
    notify(error);
    return undefined;
  }
};
