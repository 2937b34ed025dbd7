// Pictures, films, sounds and documents of a message.

import { h, icon, link } from "./dom.js";

/** Whose media may be shown, in the words of the Content-Security-Policy. */
const SOURCES = (document.documentElement.dataset.media ?? "").split(" ").filter(Boolean);

const KINDS = {
  image: { icon: "image", name: "Picture" },
  video: { icon: "video", name: "Video" },
  audio: { icon: "audio", name: "Audio" },
  file: { icon: "file", name: "Document" },
};
const EXTENSIONS = {
  image: ["jpg", "jpeg", "png", "webp", "gif"],
  video: ["mp4", "3gp"],
  audio: ["mp3", "ogg", "opus", "amr", "aac", "m4a"],
};

/** Where a medium can be had without asking others than the simulator and those whose media it fetches itself. */
function shownFrom(text) {
  let url;
  try {
    url = new URL(text, location.href);
  } catch {
    return undefined;
  }
  const isOwn = url.origin === location.origin;
  const isNamed = SOURCES.some((source) => {
    return source.endsWith(":*") ? `${url.protocol}//${url.hostname}:*` === source : url.origin === source;
  });
  return isOwn || isNamed ? url.href : undefined;
}

function kindOf({ content_type: type, url }) {
  const [main] = (type ?? "").split("/");
  if (main in KINDS) return main;
  if (type) return "file";
  const path = url.split(/[?#]/)[0];
  const extension = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  return Object.keys(EXTENSIONS).find((kind) => EXTENSIONS[kind].includes(extension)) ?? "file";
}

/**
 * The media of a message: `{ url, content_type, size, shown }`. What somebody sent is at the simulator's own address; what
 * the application sent is where it says, and its first medium is fetched.
 */
export function mediaOf(message) {
  return message.attachments.map(({ content_type, content }, index) => {
    const size = index === 0 ? message.media?.size : undefined;
    return { url: content, content_type, size, shown: shownFrom(content) };
  });
}

export const kindName = (medium) => KINDS[kindOf(medium)].name;

function size(bytes) {
  if (bytes === undefined) return undefined;
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1_000_000 ? `${(bytes / 1000).toFixed(0)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

function fileName({ url, content_type: type }) {
  if (url.startsWith("/media/")) return type ?? url; // its address ends in a key
  const path = url.split(/[?#]/)[0];
  try {
    return decodeURIComponent(path.slice(path.lastIndexOf("/") + 1)) || url;
  } catch {
    return url;
  }
}

/** A medium as a phone shows it, or a card with its type and address. */
export function medium(of) {
  const kind = kindOf(of);
  const name = fileName(of);
  if (!of.shown) return card(of, kind, name);
  const instead = (event) => event.target.replaceWith(card(of, kind, name));
  switch (kind) {
    case "image": {
      const image = h("img", { src: of.shown, alt: `Picture ${name}`, onerror: instead });
      return h("a", { class: "picture", href: of.shown, target: "_blank", rel: "noopener noreferrer" }, image);
    }
    case "video":
      return h("video", { class: "film", src: of.shown, controls: true, preload: "metadata", onerror: instead });
    case "audio":
      return h("audio", { class: "sound", src: of.shown, controls: true, preload: "metadata", onerror: instead });
    default:
      return card(of, kind, name);
  }
}

function card(of, kind, name) {
  const facts = [KINDS[kind].name, of.content_type !== name && of.content_type, size(of.size)].filter(Boolean).join(" · ");
  return h(
    "div",
    { class: "card" },
    icon(KINDS[kind].icon),
    h("div", {}, h("p", { class: "card-name" }, linkTo(of, name)), h("p", { class: "card-facts" }, facts)),
  );
}

/** What is the simulator's own is kept as a file: it opens no documents of other people's as pages of its own. */
function linkTo(of, name) {
  const isOwn = of.shown && new URL(of.shown).origin === location.origin;
  return isOwn ? h("a", { href: of.shown, download: "" }, name) : link(of.shown ?? of.url, name);
}
