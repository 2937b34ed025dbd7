// Text as WhatsApp shows it: *bold*, _italic_, ~struck~, ```code``` and links.

import { h, link } from "./dom.js";

const MARKS = [
  ["```", "code"],
  ["*", "strong"],
  ["_", "em"],
  ["~", "s"],
];
const LINK = /https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/gi;

/** The nodes of a text. */
export function formatted(text) {
  const nodes = [];
  const marks = MARKS.map(([sign, name]) => ({ sign, name, closing: closings(text, sign, name) }));
  let done = 0;
  for (let start = 0; start < text.length; start += 1) {
    const mark = marks.find(({ sign }) => text.startsWith(sign, start));
    if (!mark || isWord(text[start - 1])) continue;
    const { sign, name, closing } = mark;
    const from = start + sign.length;
    const isTight = name === "code" || !isSpace(text[from]);
    const to = isTight && !text.startsWith(sign, from) ? closing(from) : -1;
    if (to < 0) continue;
    const inner = text.slice(from, to);
    // As deep as there are signs: within a pair there is none of its own sign.
    nodes.push(...linked(text.slice(done, start)), h(name, {}, ...(name === "code" ? [inner] : formatted(inner))));
    done = to + sign.length;
    start = done - 1;
  }
  return [...nodes, ...linked(text.slice(done))];
}

/**
 * Where a mark closes that has opened before `from`: at the end of a word, in the same line unless it is code; -1 if
 * nowhere. Asked for places in their order, it reads the text once.
 */
function closings(text, sign, name) {
  const next = (what, from) => {
    const found = text.indexOf(what, from);
    return found < 0 ? Infinity : found;
  };
  const closes = (at) => !isWord(text[at + sign.length]) && (name === "code" || !isSpace(text[at - 1]));
  let to = -1;
  let lineEnd = -1;
  return (from) => {
    if (to < from) to = next(sign, from);
    while (to < Infinity && !closes(to)) to = next(sign, to + 1);
    if (name !== "code" && lineEnd < from) lineEnd = next("\n", from);
    return to === Infinity || (name !== "code" && lineEnd < to) ? -1 : to;
  };
}

const isWord = (character) => /[\p{L}\p{N}]/u.test(character ?? "");
const isSpace = (character) => /\s/.test(character ?? "");

function linked(text) {
  const nodes = [];
  let done = 0;
  for (const match of text.matchAll(LINK)) {
    nodes.push(text.slice(done, match.index), link(match[0]));
    done = match.index + match[0].length;
  }
  nodes.push(text.slice(done));
  return nodes.filter((node) => node !== "");
}
