// What the page knows: the messages, sorted into phones, and whom they can write to.

/** `+39…` of `whatsapp:+39…`. */
export const number = (address) => (address ?? "").replace(/^whatsapp:/, "");

export const isFromPhone = (message) => message.direction === "inbound";

/** The person's number of a message. */
const personOf = (message) => number(isFromPhone(message) ? message.from : message.to);
/** The application's number of a message; empty while a messaging service has not chosen one. */
export const senderOf = (message) => number(isFromPhone(message) ? message.to : message.from);

/** What somebody is called who wrote without a name. */
const NOBODY = "Simulator";

const remembered = (storage, key) => {
  try {
    return JSON.parse(storage.getItem(key)) ?? {};
  } catch {
    return {};
  }
};

export class Model {
  /** By sid, oldest first. */
  messages = new Map();
  /** By number: `{ number, messages: [sid…], name }`. */
  phones = new Map();
  /** As `GET /simulator/accounts` shows them. */
  accounts = [];
  /** As `GET /simulator/scripts` shows them. */
  scripts = [];
  revision = null;
  #order = 0;
  /** The last message that somebody looked at, by the phone's number. */
  #seen = remembered(sessionStorage, "seen");
  #names = remembered(localStorage, "names");

  /** Takes over an answer to `GET /simulator/messages`. */
  take({ messages, revision, whole }) {
    if (whole) {
      this.messages.clear();
      for (const phone of this.phones.values()) {
        phone.messages = [];
        phone.said = undefined;
      }
    }
    for (const message of messages) {
      const isNew = !this.messages.has(message.sid);
      this.messages.set(message.sid, message);
      if (!isNew) continue;
      const phone = this.phone(personOf(message));
      phone.messages.push(message.sid);
      phone.active = ++this.#order;
      if (isFromPhone(message) && message.profile_name !== NOBODY) phone.said = message.profile_name;
    }
    if (whole) {
      for (const phone of [...this.phones.values()]) {
        if (phone.messages.length === 0 && !phone.opened) this.phones.delete(phone.number);
      }
    }
    this.revision = revision;
  }

  /** The phone of a number, which comes into being. */
  phone(of) {
    let phone = this.phones.get(of);
    if (!phone) {
      phone = { number: of, messages: [], active: ++this.#order, said: undefined, opened: false };
      this.phones.set(of, phone);
    }
    return phone;
  }

  /** The messages of a phone, oldest first. */
  conversation(phone) {
    return phone.messages.map((sid) => this.messages.get(sid)).filter(Boolean);
  }

  last(phone) {
    return this.messages.get(phone.messages.at(-1));
  }

  /** Newest activity first. */
  phonesByActivity() {
    return [...this.phones.values()].sort((a, b) => b.active - a.active);
  }

  /** How many messages came to a phone since somebody looked at it. */
  unread(phone) {
    const unseen = phone.messages.slice(phone.messages.lastIndexOf(this.#seen[phone.number]) + 1);
    return unseen.filter((sid) => !isFromPhone(this.messages.get(sid))).length;
  }

  look(phone) {
    const last = phone.messages.at(-1);
    if (!last || this.#seen[phone.number] === last) return;
    this.#seen[phone.number] = last;
    sessionStorage.setItem("seen", JSON.stringify(this.#seen));
  }

  /** The profile name that was entered here, or that the phone wrote with. */
  name(phone) {
    return this.#names[phone.number] ?? phone.said ?? "";
  }

  rename(phone, name) {
    this.#names[phone.number] = name;
    localStorage.setItem("names", JSON.stringify(this.#names));
  }

  /** What was asked for the next messages to a phone. */
  scriptOf(phone) {
    return this.scripts.find(({ to }) => number(to) === phone.number);
  }

  /** Whom phones can write to: `{ account, number }`. */
  senders() {
    return this.accounts.flatMap(({ sid, senders }) =>
      senders.map((sender) => ({ account: sid, number: number(sender.number) })),
    );
  }
}
