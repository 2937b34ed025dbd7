// The two language servers that editors start, spoken to over their pipes: tsserver, and the LSP server of TypeScript 7.

import { spawn } from "node:child_process";
import path from "node:path";
import { pathToFileURL } from "node:url";

/** How long an answer may take, in ms; nothing comes near it. */
const PATIENCE = 60_000;

/** A process that is sent JSON, and what it has said. */
class Server {
  #process;
  #bytes = Buffer.alloc(0);
  #heard = [];
  #waiting = [];
  #number = 0;

  constructor(...command) {
    this.#process = spawn(process.execPath, command, { stdio: ["pipe", "pipe", "inherit"] });
    this.#process.stdout.on("data", (bytes) => this.#hear(bytes));
  }

  stop() {
    this.#process.kill();
  }

  number() {
    return (this.#number += 1);
  }

  /** Whether a message was the server's own request, and is answered. */
  answers() {
    return false;
  }

  write(text) {
    this.#process.stdin.write(text);
  }

  // Both say `Content-Length: N`, an empty line, and as many bytes of JSON.
  #hear(bytes) {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    for (;;) {
      const begin = this.#bytes.indexOf("\r\n\r\n") + 4;
      const end = begin + Number(/Content-Length: (\d+)/.exec(this.#bytes.subarray(0, begin))?.[1]);
      if (begin < 4 || !(this.#bytes.length >= end)) break;
      const message = JSON.parse(this.#bytes.subarray(begin, end));
      if (!this.answers(message)) this.#heard.push(message);
      this.#bytes = this.#bytes.subarray(end);
    }
    for (const look of [...this.#waiting]) look();
  }

  /** The next message that fits. */
  next(fits) {
    return new Promise((resolve, reject) => {
      const look = () => {
        const index = this.#heard.findIndex(fits);
        if (index >= 0) done(() => resolve(this.#heard.splice(index, 1)[0]));
      };
      const late = setTimeout(() => done(() => reject(new Error("the server does not answer"))), PATIENCE);
      const done = (settle) => {
        clearTimeout(late);
        this.#waiting = this.#waiting.filter((other) => other !== look);
        settle();
      };
      this.#waiting.push(look);
      look();
    });
  }
}

/** tsserver of the package `typescript` in a folder. Lines and columns count from 1. */
export class Tsserver extends Server {
  constructor(folder) {
    super(path.join(folder, "node_modules/typescript/lib/tsserver.js"), "--disableAutomaticTypingAcquisition");
  }

  async open(file, fileContent) {
    this.#send("open", { file, fileContent, scriptKindName: "JS" });
  }

  /** The names that are offered at a place. */
  async offered(file, line, offset) {
    const { entries } = await this.#ask("completionInfo", { file, line, offset });
    return entries.map(({ name }) => name);
  }

  /** What is shown of the name at a place. */
  async shown(file, line, offset) {
    const { displayString, documentation } = await this.#ask("quickinfo", { file, line, offset });
    return `${displayString}\n${documentation}`;
  }

  /** What `geterr` tells of a file: its semantic errors. */
  async errors(file) {
    this.#send("geterr", { files: [file], delay: 0 });
    const event = await this.next((message) => message.event === "semanticDiag" && message.body.file === file);
    return event.body.diagnostics.map(({ start, code, text }) => ({ line: start.line, code, message: text }));
  }

  async #ask(command, given) {
    const number = this.#send(command, given);
    const answer = await this.next((message) => message.type === "response" && message.request_seq === number);
    if (!answer.success) throw new Error(`${command}: ${answer.message}`);
    return answer.body;
  }

  #send(command, given) {
    const seq = this.number();
    this.write(`${JSON.stringify({ seq, type: "request", command, arguments: given })}\n`);
    return seq;
  }
}

/** The language server of the package `typescript`, from version 7. The same methods, over the Language Server Protocol. */
export class Lsp extends Server {
  constructor(folder) {
    super(path.join(folder, "node_modules/typescript/bin/tsc"), "--lsp", "--stdio");
  }

  async open(file, text) {
    const capabilities = { textDocument: { completion: {}, hover: {}, diagnostic: {} } };
    await this.#ask("initialize", { processId: process.pid, rootUri: null, capabilities });
    this.#send({ method: "initialized", params: {} });
    const textDocument = { ...this.#document(file), languageId: "javascript", version: 1, text };
    this.#send({ method: "textDocument/didOpen", params: { textDocument } });
  }

  async offered(file, line, offset) {
    const list = await this.#at("textDocument/completion", file, line, offset);
    return (list.items ?? list).map(({ label }) => label);
  }

  async shown(file, line, offset) {
    const { contents } = await this.#at("textDocument/hover", file, line, offset);
    return typeof contents === "string" ? contents : contents.value;
  }

  async errors(file) {
    const { items } = await this.#ask("textDocument/diagnostic", { textDocument: this.#document(file) });
    const errors = items.filter(({ severity }) => severity === 1);
    return errors.map(({ range, code, message }) => ({ line: range.start.line + 1, code: Number(code), message }));
  }

  // It asks for settings and to be told of changed files: it is given none.
  answers({ id, method, params }) {
    if (id === undefined || !method) return false;
    this.#send({ id, result: method === "workspace/configuration" ? params.items.map(() => null) : null });
    return true;
  }

  #document(file) {
    return { uri: pathToFileURL(file).href };
  }

  #at(method, file, line, offset) {
    const position = { line: line - 1, character: offset - 1 };
    return this.#ask(method, { textDocument: this.#document(file), position });
  }

  async #ask(method, params) {
    const id = this.number();
    this.#send({ id, method, params });
    const answer = await this.next((message) => message.id === id && !message.method);
    if (answer.error) throw new Error(`${method}: ${answer.error.message}`);
    return answer.result;
  }

  #send(message) {
    const bytes = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));
    this.write(`Content-Length: ${bytes.length}\r\n\r\n${bytes}`);
  }
}
