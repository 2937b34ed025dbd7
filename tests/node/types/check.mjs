#!/usr/bin/env node
// Checks the demo and the examples against scripts/boatswain.d.ts as an editor does, and that an editor finds mistakes.
//
//     npm install --prefix DIR --ignore-scripts typescript@6.0.3
//     npm install --prefix DIR7 --ignore-scripts typescript@7.0.2
//     node tests/node/types/check.mjs DIR DIR7 BOATSWAIN
//
// DIR has the last TypeScript with the compiler's own API and tsserver, DIR7 the one after it, which is a program of its own;
// BOATSWAIN is the program. Prints one line for each check; the exit status is 0 if all passed, else 1. Talks to nobody.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { differences, promised } from "./engine.mjs";
import { Lsp, Tsserver } from "./servers.mjs";
import { problems, service } from "./service.mjs";

const [modules, modules7, binary] = process.argv.slice(2).map((argument) => path.resolve(argument));
if (!binary) {
  console.error("usage: check.mjs DIR DIR7 BOATSWAIN");
  process.exit(2);
}
const ts = createRequire(path.join(modules, "x.js"))("typescript");
const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, "../../..");
const scripts = path.join(root, "scripts");
/** Stricter than what authors are given: nothing may go unseen in what they learn from. */
const STRICT = { noImplicitAny: true, useUnknownInCatchVariables: true, skipLibCheck: false };
const RETURN_AT_THE_TOP = 1108;

let failed = 0;
const check = (name, holds, told = "") => {
  console.log(`${holds ? "ok    " : "FAILED"} ${name}`);
  if (holds) return;
  failed += 1;
  console.log(typeof told === "string" ? told : JSON.stringify(told, null, 2));
};
const shown = (found) =>
  found.map(({ file, line, column, code, message }) => `  ${file}:${line}:${column} TS${code} ${message}`).join("\n");

const work = fs.mkdtempSync(path.join(os.tmpdir(), "boatswain-types-"));
process.on("exit", () => fs.rmSync(work, { recursive: true, force: true }));

/** A folder of scripts with the types that the program writes, and these files. */
function folder(name, files = {}) {
  const made = path.join(work, name);
  fs.mkdirSync(made);
  execFileSync(binary, ["types", "--scripts", made], { stdio: "pipe" });
  for (const [file, text] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(made, file)), { recursive: true });
    fs.writeFileSync(path.join(made, file), text);
  }
  return made;
}

/** What TypeScript's own command says of a folder: `file(line,column): error TSnnnn: …`. */
function tsc(of, given, ...more) {
  const program = path.join(of, "node_modules/typescript/bin/tsc");
  try {
    execFileSync(process.execPath, [program, "-p", "jsconfig.json", "--pretty", "false", ...more], {
      cwd: given,
      encoding: "utf8",
    });
    return [];
  } catch (error) {
    const found = String(error.stdout).matchAll(/^(.+)\((\d+),(\d+)\): error TS(\d+): ([^]*?)\n(?! )/gm);
    const problem = ([, file, line, column, code, message]) => ({
      file,
      line: Number(line),
      column: Number(column),
      code: Number(code),
      message,
    });
    return [...found].map(problem);
  }
}

// The committed file, and what is checked by it.

let status = 0;
try {
  execFileSync(binary, ["types", "--check"], { cwd: root, stdio: "pipe" });
} catch (error) {
  status = error.status;
}
check("the committed types are those of the program", status === 0, "run `boatswain types`");

const inDemo = problems(ts, scripts, { more: STRICT });
check("nothing is wrong in scripts/", inDemo.length === 0, shown(inDemo));

const examples = path.join(root, "src/host/manifest/examples");
const named = fs
  .readdirSync(examples)
  .map((name) => [`app/${name}`, fs.readFileSync(path.join(examples, name), "utf8")]);
const inExamples = problems(ts, folder("examples", Object.fromEntries(named)), { more: STRICT });
check(
  `nothing is wrong in the ${named.length} examples of functions`,
  named.length > 10 && inExamples.length === 0,
  shown(inExamples),
);

// The pages' examples, each an action, with the settings that authors are given. Two of them show a mistake.
const MISTAKES = [
  "TS2339 Property 'success' does not exist on type 'JsonString<WhatsappOutcome>'.",
  "TS2353 'message'",
];
const blocks = ["sending", "actions", "types"].flatMap((page) => {
  const text = fs.readFileSync(path.join(root, `docs/${page}.md`), "utf8");
  return [...text.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, code], index) => [`app/${page}${index}.js`, code]);
});
const given = {
  "app/globals.d.ts": "declare const orderId: string, to: string, body: string;", // what a part of an action goes without
  "app/lib/orders.js": fs.readFileSync(path.join(scripts, "demo/lib/orders.js"), "utf8"),
};
const pages = folder("pages", { ...Object.fromEntries(blocks), ...given });
const config = JSON.parse(fs.readFileSync(path.join(pages, "jsconfig.json"), "utf8"));
config.include.push("app/globals.d.ts");
fs.writeFileSync(path.join(pages, "jsconfig.json"), JSON.stringify(config));
const inPages = problems(ts, pages);
const mistaken = ({ code, message }) =>
  MISTAKES.some((mistake) => `TS${code}` === mistake.slice(0, 6) && message.includes(mistake.slice(7)));
const surprising = inPages.filter((problem) => !mistaken(problem));
check(
  `nothing is wrong in the ${blocks.length} examples of the pages but what they show as wrong`,
  surprising.length === 0 && inPages.length === MISTAKES.length,
  shown(inPages),
);

// What the guides build: a block that names a file is that file from there on. Some show a mistake.
const SHOWN = ["shop/strings.js", "shop/kinds.js", "shop/sources.js", "shop/strict.js"];
for (const guide of ["first-application", "from-twilio-functions", "from-the-original-platform"]) {
  const text = fs.readFileSync(path.join(root, `docs/${guide}.md`), "utf8");
  const files = [...text.matchAll(/^```js scripts\/(\S+)\n([^]*?)^```$/gm)].map(([, file, code]) => [file, code]);
  const built = folder(guide, Object.fromEntries(files));
  const inGuide = problems(ts, built, { more: STRICT });
  const wrongly = new Set(inGuide.map(({ file }) => file));
  const mistaken = files.map(([file]) => file).filter((file) => SHOWN.includes(file));
  check(
    `nothing is wrong in the ${files.length} files of ${guide}.md but what they show as wrong`,
    files.length > 3 && wrongly.size === mistaken.length && mistaken.every((file) => wrongly.has(file)),
    shown(inGuide),
  );
}

// Mistakes are found, each where it stands. `// TSnnnn words` behind a line is what must be said of it.

const wrong = fs.readFileSync(path.join(here, "wrong.js"), "utf8");
const money = "module.exports = { formatMoney: () => '' };\n";
const mistakes = folder("mistakes", { "app/wrong.js": wrong, "app/lib/money.js": money });
const expected = wrong.split("\n").flatMap((text, index) => {
  const [, codes, words] = /\/\/ TS([\d/]+) (.+)$/.exec(text) ?? [];
  return codes ? [{ line: index + 1, codes: codes.split("/").map(Number), words }] : [];
});
const judge = (name, found) => {
  const differing = expected.filter(
    ({ line, codes, words }) =>
      !found.some((one) => one.line === line && codes.includes(one.code) && one.message.includes(words)),
  );
  const unexpected = found.filter(
    (one) => !expected.some(({ line, codes }) => one.line === line && codes.includes(one.code)),
  );
  check(
    name,
    expected.length > 20 && differing.length === 0 && unexpected.length === 0,
    `not said: ${JSON.stringify(differing)}\nsaid besides:\n${shown(unexpected)}`,
  );
};
judge(`each of ${expected.length} mistakes is found in its place`, problems(ts, mistakes));

// As an editor has the files, unwrapped: it underlines each `return` at the top, and is silent on what is returned.

const last = Math.max(...expected.map(({ line }) => line));
const unwrapped = wrong
  .split("\n")
  .map((text, index) => (index + 1 === last ? "// what is returned is not looked at" : text))
  .join("\n");
fs.writeFileSync(path.join(mistakes, "app/wrong.js"), unwrapped);
expected.splice(
  expected.findIndex(({ line }) => line === last),
  1,
);
const neighbours = folder("neighbours", {
  "app/a.js": "const text = 1;\nreturn text;\n",
  "app/b.js": "const text = await 2;\nreturn text;\n",
  "other/a.js": "let text = 3;\n",
});
for (const [version, of] of [
  ["6", modules],
  ["7", modules7],
]) {
  judge(`TypeScript ${version} finds the mistakes in files as they are`, tsc(of, mistakes));
  const demo = tsc(of, scripts, "--noImplicitAny", "--useUnknownInCatchVariables", "--skipLibCheck", "false");
  check(
    `TypeScript ${version} says nothing of scripts/ but that it knows no return at the top`,
    demo.length > 5 && demo.every(({ code }) => code === RETURN_AT_THE_TOP),
    shown(demo),
  );
  const near = tsc(of, neighbours);
  check(
    `TypeScript ${version}: files do not see each other's names`,
    near.length === 2 && near.every(({ code }) => code === RETURN_AT_THE_TOP),
    shown(near),
  );
  const without = tsc(of, neighbours, "--moduleDetection", "legacy").filter(({ code }) => code === 2451);
  check(`TypeScript ${version}: without the setting they would`, without.length > 0);
}

// What an editor offers and shows.

const names = fs.readFileSync(path.join(scripts, "boatswain.d.ts"), "utf8").match(/interface Utils \{[^]*?\n  \}/)[0];
const functions = [...new Set([...names.matchAll(/^    (?:readonly )?(\w+)[(:]/gm)].map(([, name]) => name))];
const FIELDS = [
  "MessageSid",
  "MessageStatus",
  "ErrorCode",
  "Body",
  "From",
  "profileName",
  "media",
  "location",
  "button",
  "companyId",
];
const probe = path.join(scripts, "demo/probe.js");
const text =
  'utils.;\nvo.;\nJSON.parse(utils.sendWhatsappMessage("+39", "x", )).;\nrequire("./lib/orders").;\n/** @type {Boatswain.Notification} */\nconst { MessageStatus } = vo;\nif (MessageStatus === "") vo;\n';
const after = (mark) => text.indexOf(mark) + mark.length;
const editor = service(ts, scripts, { texts: new Map([[probe, text]]) });
const offered = (mark) =>
  editor.getCompletionsAtPosition(probe, after(mark), {})?.entries.map(({ name }) => name) ?? [];
const offers = (name, mark, wanted) => {
  const entries = offered(mark);
  check(name, wanted.length > 3 && wanted.every((one) => entries.includes(one)), entries);
};
offers(`the ${functions.length} members of utils are offered`, "utils.", functions);
offers("the fields of vo are offered", "vo.", FIELDS);
offers("an outcome's members are offered behind JSON.parse", "))" + ".", [
  "success",
  "sid",
  "status",
  "errorCode",
  "retryable",
]);
offers("a module's functions are offered", 'orders").', ["formatMoney", "updateOrder", "isFailure", "messagesOf"]);
offers("the words of a status are offered", '=== "', ["delivered", "read", "failed", "undelivered"]);
check(
  "what is not there is not offered",
  !["process", "document", "fetch", "Buffer", "Boatswain"].some((name) => offered("utils.;\n").includes(name)),
);

const words = (parts) => ts.displayPartsToString(parts ?? []);
const quick = editor.getQuickInfoAtPosition(probe, text.indexOf("sendWhatsappMessage"));
const tags = (quick?.tags ?? []).map(({ name, text }) => `${name} ${words(text)}`);
check("a function's documentation is shown", words(quick?.documentation).startsWith("Sends a WhatsApp message"), quick);
check(
  "its parameters, result and errors too",
  [
    "param toPhoneNumber the recipient",
    "returns what became of it",
    "throws {TypeError}",
    "example const result = sendWhatsappMessage(",
  ].every((start) => tags.some((tag) => tag.startsWith(start))),
  tags,
);
const field = editor.getCompletionEntryDetails(probe, after("vo."), "ErrorCode", {}, undefined, {}, undefined);
check("a field's documentation is shown", words(field?.documentation).includes("boatswain explain"), field);
const help = editor.getSignatureHelpItems(probe, after('"x", '), {});
check(
  "both ways to give a medium are shown",
  help?.items.length === 2 &&
    help.items[1].parameters.map(({ name }) => name).join() === "toPhoneNumber,message,bucketName,fileName",
  help?.items,
);

// The same through the servers that editors speak with.

const written =
  "/** @type {Boatswain.Notification} */\nconst n = vo;\nn.messageSid;\nif (!n.ErrorCode) return;\nutils.log(vo);\n";
const session = path.join(folder("session", { "app/session.js": written }), "app/session.js");
for (const [name, server] of [
  ["tsserver", new Tsserver(modules)],
  ["the LSP server", new Lsp(modules7)],
]) {
  try {
    await server.open(session, written);
    const offered = await server.offered(session, 5, 7);
    check(
      `${name} offers the members of utils`,
      functions.every((name) => offered.includes(name)),
      offered,
    );
    const fields = await server.offered(session, 3, 3);
    check(
      `${name} offers the fields of a notification, and no others`,
      fields.includes("MessageSid") && !fields.includes("profileName"),
      fields,
    );
    const errors = await server.errors(session);
    const said = (line, code) => errors.find((error) => error.line === line && error.code === code);
    check(`${name} finds a misspelt field`, said(3, 2551)?.message.endsWith("Did you mean 'MessageSid'?"), errors);
    // docs/limits.md says so: when this fails, that line can go.
    check(
      `${name} underlines a return at the top, and nothing else`,
      said(4, RETURN_AT_THE_TOP) && errors.length === 2,
      errors,
    );
    const shown = await server.shown(session, 5, 12);
    check(
      `${name} shows what vo is`,
      /const vo: (Boatswain\.)?Vo/.test(shown) && shown.includes("The input of the action"),
      shown,
    );
  } finally {
    server.stop();
  }
}

// What the types promise is there.

const bare = folder("bare");
const globals = promised(ts, bare, path.join(bare, "app/probe.js"));
const differing = differences(binary, path.join(work, "engine"), globals);
check(
  `the ${globals.length} names of the types are in an action's scope, and no others`,
  globals.length > 500 && Object.values(differing).every((list) => list.length === 0),
  differing,
);

console.log(failed === 0 ? "all checks passed" : `${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
