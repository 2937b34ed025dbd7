// What is to become of the next message to a phone.

import { h, icon } from "./dom.js";

const USUAL = [
  { after_ms: 50, status: "sent" },
  { after_ms: 150, status: "delivered" },
  { after_ms: 300, status: "read" },
];
const play = (steps, answer = "created") => ({ play: { steps, answer } });
const fails = (status, code) => {
  const sent = status === "undelivered" ? [USUAL[0]] : [];
  return play([...sent, { after_ms: 150, status, error_code: code }]);
};
/** An answer that does not arrive as it should: of a message that is taken, or of one that is not. */
const answer = (how) => ({ taken }) => (taken ? play(USUAL, how) : { break: { answer: how } });

/** Twilio's codes that are met most often. */
const CODES = [
  [63016, "outside the 24-hour window"],
  [63015, "has not joined the sandbox"],
  [63018, "too fast"],
  [63003, "not on WhatsApp"],
  [63024, "invalid recipient"],
  [63007, "no such sender"],
  [63019, "medium can't be fetched"],
  [63021, "invalid content"],
  [63032, "WhatsApp limits this recipient"],
  [63049, "not delivered by Meta's choice"],
  [21610, "has written STOP"],
  [21211, "invalid number"],
  [20429, "too many requests"],
  [20500, "internal error"],
  [30008, "unknown error"],
];

const GROUPS = [
  {
    name: "It fails",
    fields: ["code"],
    faults: [
      { label: "Refused", script: ({ code }) => ({ refuse: { code } }) },
      { label: "Undelivered", script: ({ code }) => fails("undelivered", code) },
      { label: "Failed", script: ({ code }) => fails("failed", code) },
    ],
  },
  {
    name: "In time",
    fields: ["seconds"],
    faults: [
      { label: "Silence", script: () => play([]) },
      { label: "Delivered, not read", script: () => play(USUAL.slice(0, 2)) },
      {
        label: "Late",
        script: ({ seconds }) => play(USUAL.map((step) => ({ ...step, after_ms: step.after_ms + seconds * 1000 }))),
      },
    ],
  },
  {
    name: "Callbacks",
    fields: [],
    faults: [
      { label: "Twice", script: () => play(USUAL.map((step) => ({ ...step, callbacks: 2 }))) },
      { label: "In the wrong order", script: () => play([...USUAL].reverse()) },
      { label: "Before the answer", script: () => ({ play: { steps: USUAL, answer_after_ms: 500 } }) },
    ],
  },
  {
    name: "The answer",
    fields: ["retry", "taken"],
    faults: [
      {
        label: "429",
        script: ({ retry }) => ({ refuse: { code: 20429, ...(retry === null ? {} : { retry_after: retry }) } }),
      },
      { label: "500", script: answer("server_error") },
      { label: "Hangs", script: answer("hang") },
      { label: "Reset", script: answer("reset") },
      { label: "Cut off", script: answer("truncated") },
      { label: "HTML", script: answer("html") },
    ],
  },
];

const FIELDS = {
  code: () => h("label", {}, "Code ", h("input", { name: "code", list: "codes", inputmode: "numeric", value: "63016", pattern: "[0-9]{5}", required: true })),
  seconds: () => h("label", {}, "Late by ", h("input", { name: "seconds", type: "number", min: "1", max: "86400", value: "10", required: true }), " s"),
  retry: () => h("label", {}, "Retry-After ", h("input", { name: "retry", type: "number", min: "0", max: "3600", placeholder: "none" }), " s"),
  taken: () => h("label", { class: "check" }, h("input", { name: "taken", type: "checkbox", checked: true }), " the message is taken nevertheless"),
};

const ANSWERS = {
  server_error: "HTTP 500",
  hang: "no answer",
  reset: "the connection is reset",
  truncated: "the answer is cut off",
  html: "the answer is a page of HTML",
};

/** A script in words. */
export function described({ refuse, break: broken, play, reads }) {
  if (refuse?.code === 20429) return `HTTP 429${refuse.retry_after === undefined ? "" : `, Retry-After ${refuse.retry_after}`}`;
  if (refuse) return `refused with ${refuse.code}`;
  if (broken) return `${ANSWERS[broken.answer]}, not taken`;
  if (reads) return "as usual, but reading it fails";
  const { steps, answer, answer_after_ms: waits } = play;
  if (answer in ANSWERS) return `${ANSWERS[answer]}, but taken`;
  if (steps.length === 0) return "no callback ever";
  const failing = steps.find((step) => step.error_code);
  if (failing) return `${failing.status}, ${failing.error_code}`;
  if (waits > 0) return "callbacks before the answer";
  if (steps.some((step) => step.callbacks > 1)) return "each callback twice";
  if (steps[0].status !== "sent") return "callbacks in the wrong order";
  if (steps.at(-1).status !== "read") return `${steps.at(-1).status}, and no more`;
  return `${Math.round(steps[0].after_ms / 1000)} s late`;
}

/** The panel; `arm` is called with a script and for how many messages it is. */
export function faultsPanel(arm, close) {
  const groups = GROUPS.map(({ name, fields, faults }) => {
    const controls = fields.map((field) => FIELDS[field]());
    const buttons = faults.map((fault) => h("button", { type: "button", onclick: (event) => choose(event.target.form, fault) }, fault.label));
    return h("fieldset", {}, h("legend", {}, name), ...controls, h("div", { class: "fault-buttons" }, ...buttons));
  });
  const choose = (form, fault) => {
    if (!form.reportValidity()) return;
    const values = {
      code: form.code.valueAsNumber || Number(form.code.value),
      seconds: form.seconds.valueAsNumber,
      retry: form.retry.value === "" ? null : form.retry.valueAsNumber,
      taken: form.taken.checked,
    };
    arm(fault.script(values), form.times.valueAsNumber);
  };
  return [
    h(
      "header",
      { class: "side-top" },
      h("h2", {}, "Faults"),
      h("button", { type: "button", class: "icon", "aria-label": "Close", onclick: close }, icon("close")),
    ),
    h(
      "form",
      { class: "faults", onsubmit: (event) => event.preventDefault() },
      h("label", { class: "times" }, "What becomes of the next ", h("input", { name: "times", type: "number", min: "1", max: "1000", value: "1", required: true }), " messages to this phone:"),
      ...groups,
      h("datalist", { id: "codes" }, ...CODES.map(([code, meaning]) => h("option", { value: String(code) }, meaning))),
    ),
  ];
}
