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
  for (let start = 0; start < text.length; start += 1) {
    const found = markedAt(text, start);
    if (!found) continue;
    const { inner, end, name } = found;
    const content = name === "code" ? [inner] : formatted(inner);
    return [...linked(text.slice(0, start)), h(name, {}, ...content), ...formatted(text.slice(end))];
  }
  return linked(text);
}

/** A mark opens at the beginning of a word, and closes at the end of one, in the same line unless it is code. */
function markedAt(text, start) {
  const mark = MARKS.find(([sign]) => text.startsWith(sign, start));
  if (!mark || /[\p{L}\p{N}]/u.test(text[start - 1] ?? "")) return undefined;
  const [sign, name] = mark;
  const from = start + sign.length;
  for (let to = text.indexOf(sign, from); to > from; to = text.indexOf(sign, to + 1)) {
    const inner = text.slice(from, to);
    const isOneLine = name === "code" || !inner.includes("\n");
    if (!isOneLine) return undefined;
    const isTight = name === "code" || !(/^\s/.test(inner) || /\s$/.test(inner));
    const end = to + sign.length;
    if (isTight && !/[\p{L}\p{N}]/u.test(text[end] ?? "")) return { inner, end, name };
  }
  return undefined;
}

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
