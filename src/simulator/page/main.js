// Boatswain's simulator: its phones. See page.rs.

import * as api from "./api.js";
import { attempt, notify } from "./api.js";
import { Conversation } from "./conversation.js";
import { details } from "./details.js";
import { $, h, icon } from "./dom.js";
import { described, faultsPanel } from "./faults.js";
import { Model, isFromPhone, senderOf } from "./model.js";
import { PhoneList, avatar, line, spaced } from "./phones.js";

const model = new Model();
const conversation = new Conversation(showDetails);
const phoneList = new PhoneList(choose);
let phone = null;
/** What the panel at the side shows: null, "faults" or a sid. */
let side = null;
/** What the simulator's clock is ahead of this computer's, in milliseconds. */
let ahead = 0;

// ---- live ----

let isAsking = false;
let asksAgain = false;

/** Takes over what has changed. One at a time; what changes meanwhile is asked for afterwards. */
async function refresh() {
  asksAgain = true;
  if (isAsking) return;
  isAsking = true;
  try {
    while (asksAgain) {
      asksAgain = false;
      const asked = [api.messages(model.revision), api.about(), api.accounts(), api.scripts()];
      const [messages, about, { accounts }, { scripts }] = await Promise.all(asked);
      model.take(messages);
      Object.assign(model, { accounts, scripts });
      takeAbout(about);
      if (events.readyState === EventSource.OPEN) showLink("open", "Live");
      draw();
    }
  } catch (error) {
    if (events.readyState === EventSource.OPEN) notify(error);
  } finally {
    isAsking = false;
  }
}

function takeAbout({ rules, now }) {
  if (document.activeElement !== $("rules")) $("rules").value = rules;
  ahead = now ? new Date(now) - Date.now() : 0;
  showClock();
}

function showClock() {
  const now = new Date(Date.now() + ahead);
  $("clock").dateTime = now.toISOString();
  $("clock").textContent = now.toLocaleString([], { dateStyle: "medium", timeStyle: "medium" });
}

function showLink(state, text) {
  $("link").dataset.link = state;
  $("link").textContent = text;
}

let events;
function connect() {
  events = new EventSource("/simulator/events");
  events.addEventListener("open", () => {
    showLink("open", "Loading…");
    model.revision = null; // another simulator may have taken its place
  });
  events.addEventListener("changed", refresh);
  events.addEventListener("error", () => {
    showLink("lost", "The simulator is gone. Trying again…");
    // The browser tries again by itself after a lost connection, but not after an answer that is no stream.
    if (events.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
  });
}

// ---- drawing ----

function draw() {
  if (phone) {
    // It may have been forgotten.
    phone = model.phone(phone.number);
    if (!document.hidden && document.body.dataset.view !== "phones") model.look(phone);
    drawPhone();
  }
  phoneList.draw(model, phone);
  drawSide();
}

function drawPhone() {
  $("nobody").hidden = true;
  $("somebody").hidden = false;
  const name = model.name(phone);
  avatar(phone.number, name, $("avatar"));
  $("person").textContent = spaced(phone.number);
  if (document.activeElement !== $("profile")) $("profile").value = name;
  drawSenders();
  drawArmed();
  conversation.draw(model, phone);
}

function drawSenders() {
  const senders = model.senders();
  const select = $("sender");
  const before = select.value;
  const options = senders.map(({ account, number }) => {
    const isShared = senders.some((other) => other.number === number && other.account !== account);
    const text = isShared ? `${spaced(number)} (…${account.slice(-4)})` : spaced(number);
    return h("option", { value: `${account} ${number}` }, text);
  });
  const drawn = [...select.options].map(({ value }) => value).join();
  if (drawn !== options.map(({ value }) => value).join()) {
    select.replaceChildren(...options);
    select.value = before;
    if (!select.value) chooseSender();
  }
  select.disabled = senders.length < 2;
  $("send").disabled = senders.length === 0;
  const isMissing = senders.length === 0 && model.revision !== null;
  $("text").placeholder = isMissing ? "No sender is registered to write to" : "Answer from this phone";
}

/** The sender that this phone last heard of, else the first. */
function chooseSender() {
  const last = model.conversation(phone).findLast(senderOf);
  const select = $("sender");
  if (last) select.value = `${last.account_sid} ${senderOf(last)}`;
  if (!select.value && select.options.length > 0) select.selectedIndex = 0;
}

function drawArmed() {
  const { script, times } = model.scriptOf(phone) ?? {};
  const what = script && described(script);
  const which = times === null ? "All messages" : times === 1 ? "The next message" : `The next ${times} messages`;
  const text = what ? `${which}: ${what}` : "";
  $("armed").hidden = !what;
  if ($("armed").textContent.startsWith(text) && text) return;
  $("armed").replaceChildren(
    icon("bolt"),
    h("span", {}, text),
    h("button", { type: "button", class: "quiet", onclick: disarm }, "Take back"),
  );
}

function drawSide() {
  const message = model.messages.get(side);
  if (side !== "faults" && !message) side = null;
  $("side").hidden = side === null;
  $("show-faults").setAttribute("aria-expanded", String(side === "faults"));
  if (side !== null) document.body.dataset.side = "open";
  else delete document.body.dataset.side;
  for (const item of document.querySelectorAll(".messages .is-chosen")) item.classList.remove("is-chosen");
  if (!message) return;
  document.querySelector(`[data-sid="${CSS.escape(side)}"]`)?.classList.add("is-chosen");
  if ($("side").message === message) return;
  const isRawOpen = $("side").querySelector("details")?.open ?? false;
  const focused = $("side").contains(document.activeElement);
  $("side").replaceChildren(...details(message, closeSide, () => replyTo(message)));
  $("side").querySelector("details").open = isRawOpen;
  if (focused) $("side").querySelector("button").focus();
  $("side").message = message;
}

// ---- what the person does ----

function choose(number) {
  const isOther = phone?.number !== number;
  phone = model.phone(number);
  phone.opened = true;
  document.body.dataset.view = "chat";
  location.hash = number;
  if (isOther) {
    if (side !== "faults") side = null;
    $("sender").replaceChildren();
    $("answer").reset();
    replyTo(null);
    attachments.length = 0;
    drawAttachments();
  }
  draw();
  if (isOther) $("text").focus({ preventScroll: true });
}

let beforeSide = null;

function showDetails(sid) {
  beforeSide = () => document.querySelector(`[data-sid="${CSS.escape(sid)}"] .details`);
  side = sid;
  $("side").message = undefined;
  drawSide();
  $("side").querySelector("button").focus();
}

function showFaults() {
  if (side === "faults") return closeSide();
  beforeSide = () => $("show-faults");
  side = "faults";
  $("side").message = undefined;
  $("side").replaceChildren(...faultsPanel(attempt(arm), closeSide));
  drawSide();
  $("side").querySelector("button").focus();
}

function closeSide() {
  side = null;
  drawSide();
  beforeSide?.()?.focus();
}

async function arm(script, times) {
  await api.script(phone.number, script, times);
  await refresh();
}

const disarm = attempt(async () => {
  await api.script(phone.number, null);
  await refresh();
});

/** Files that go with the next answer: `{ file, url }`. */
const attachments = [];

function drawAttachments() {
  const items = attachments.map((attachment, index) => {
    const remove = () => {
      URL.revokeObjectURL(attachment.url);
      attachments.splice(index, 1);
      drawAttachments();
    };
    const { file, url } = attachment;
    const preview = file.type.startsWith("image/") ? h("img", { src: url, alt: "" }) : icon("file");
    return h("li", {}, preview, h("span", {}, file.name), h("button", { type: "button", class: "icon", "aria-label": `Remove ${file.name}`, onclick: remove }, icon("close")));
  });
  $("attached").replaceChildren(...items);
}

function attach(files) {
  for (const file of files) attachments.push({ file, url: URL.createObjectURL(file) });
  drawAttachments();
  $("text").focus();
}

/** The message that the next answer replies to. */
let repliedTo = null;

function replyTo(message) {
  repliedTo = message;
  $("reply").hidden = !message;
  if (!message) return;
  const cancel = () => {
    replyTo(null);
    $("text").focus();
  };
  $("reply").replaceChildren(
    h("span", {}, `Reply to: ${line(message)}`),
    h("button", { type: "button", class: "icon", "aria-label": "No reply", onclick: cancel }, icon("close")),
  );
  if (matchMedia("(max-width: 1180px)").matches) closeSide();
  $("text").focus();
}

async function base64(file) {
  const url = await new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(file);
  });
  return url.slice(url.indexOf(",") + 1);
}

async function answer(body, files = []) {
  const [account, to] = $("sender").value.split(" ");
  if (!to) throw new Error("No sender is registered that this phone could write to.");
  const message = { account_sid: account, from: phone.number, to, body };
  if (repliedTo) message.reply_to = repliedTo.sid;
  const name = model.name(phone);
  if (name) message.profile_name = name;
  if (files.length > 0) {
    message.media = await Promise.all(
      files.map(async ({ file }) => ({ content_type: file.type || "application/octet-stream", base64: await base64(file) })),
    );
  }
  await api.incoming(message);
  if (repliedTo?.sid === message.reply_to) replyTo(null);
}

const submit = attempt(async () => {
  const body = $("text").value.trim();
  if (!body && attachments.length === 0) return;
  const files = attachments.splice(0);
  $("text").value = "";
  fit();
  drawAttachments();
  try {
    await answer(body, files);
    files.forEach(({ url }) => URL.revokeObjectURL(url));
  } catch (error) {
    // What was written is not lost.
    $("text").value = body;
    attachments.push(...files);
    fit();
    drawAttachments();
    throw error;
  }
});

/** The answer box grows with its text. */
function fit() {
  const text = $("text");
  text.style.height = "auto";
  text.style.height = `${Math.min(text.scrollHeight, 160)}px`;
}

/** The number in what was typed, in international form. */
function typed(text) {
  const number = text.replace(/^whatsapp:/, "").replace(/[\s().\-/]/g, "").replace(/^00/, "+");
  return /^\+\d{7,15}$/.test(number) ? number : undefined;
}

$("open").addEventListener("submit", (event) => {
  event.preventDefault();
  const number = typed($("number").value);
  if (!number) return notify("A number in international form looks like +39 333 123 4567.");
  $("number").value = "";
  choose(number);
});
$("answer").addEventListener("submit", (event) => {
  event.preventDefault();
  submit();
});
$("text").addEventListener("input", fit);
$("text").addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  submit();
});
$("text").addEventListener("paste", (event) => {
  if (event.clipboardData.files.length > 0) attach(event.clipboardData.files);
});
$("attach").addEventListener("click", () => $("files").click());
$("files").addEventListener("change", () => {
  attach($("files").files);
  $("files").value = "";
});
$("somebody").addEventListener("dragover", (event) => event.preventDefault());
$("somebody").addEventListener("drop", (event) => {
  event.preventDefault();
  attach(event.dataTransfer.files);
});
$("profile").addEventListener("change", () => {
  model.rename(phone, $("profile").value.trim());
  draw();
});
$("back").addEventListener("click", () => {
  document.body.dataset.view = "phones";
  draw();
});
$("show-faults").addEventListener("click", showFaults);
$("forget").addEventListener(
  "click",
  attempt(async () => {
    if (!confirm("Forget all messages, conversations and faults?")) return;
    await api.forget();
    await refresh();
  }),
);
$("rules").addEventListener(
  "change",
  attempt(async () => {
    try {
      await api.rules($("rules").value);
    } finally {
      $("rules").blur();
      await refresh();
    }
  }),
);
for (const button of document.querySelectorAll("[data-forward]")) {
  button.addEventListener(
    "click",
    attempt(async () => {
      await api.forward(Number(button.dataset.forward));
      await refresh();
    }),
  );
}
for (const button of document.querySelectorAll("[data-say]")) {
  button.addEventListener("click", attempt(() => answer(button.dataset.say)));
}
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && side !== null) closeSide();
});
document.addEventListener("visibilitychange", draw);
addEventListener("hashchange", () => {
  const number = linked();
  if (number && number !== phone?.number) choose(number);
});

/** The phone that the address names, if it does. */
function linked() {
  try {
    return typed(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return null; // no percent-encoding
  }
}

connect();
setInterval(showClock, 1000);
if (linked()) choose(linked());
