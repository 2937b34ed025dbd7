// What the types say an action finds, against what it finds.

import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { service } from "./service.mjs";

/** What TypeScript's own library offers and an action does not find. `docs/types.md` names the first five. */
const ABSENT = [
  // a test's
  /^(test|beforeEach|assert|run|query|execute|phone|clock|twilio|parameters|limits|pause|resume|storage|logs|failures)\b/,
  /^(Atomics|FinalizationRegistry|Intl|SharedArrayBuffer|WeakRef)\b/,
  /^RegExp\.(\W|\$|input|lastMatch|lastParen|leftContext|rightContext)/, // a regular expression's last match: of old browsers
  /^ArrayBuffer\.prototype\.(detached|transfer|transferToFixedLength)$/,
  /\.prototype\.(cause|errors)$/, // an error's own
  /^Iterator\.prototype\.(next|return|throw)$/, // an iterator's own
  /^Function\.prototype\.prototype$/, // a function's own
];
/** What an action finds and the types do not tell, because not every editor knows it, or because it is no name. */
const UNTOLD = ["Float16Array", "Temporal", "TypedArray", "globalThis", "undefined"];

/** Every global of the types, and the members of those that are objects or constructors: `Array`, `Array.from`,
 *  `Array.prototype.at`. */
export function promised(ts, folder, probe) {
  const made = service(ts, folder, { texts: new Map([[probe, "vo;"]]) });
  const program = made.getProgram();
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(probe);
  const names = [];
  const members = (type, of) => {
    const properties = checker.getPropertiesOfType(type).filter((symbol) => !symbol.name.startsWith("__"));
    names.push(...properties.map((symbol) => `${of}.${symbol.name}`));
    return properties.find((symbol) => symbol.name === "prototype");
  };
  for (const symbol of checker.getSymbolsInScope(source, ts.SymbolFlags.Value)) {
    // What is a parameter of the wrapper is no global; `undefined` and the like have no declaration.
    if (!symbol.declarations?.length || LOCAL.includes(symbol.name)) continue;
    names.push(symbol.name);
    const type = checker.getTypeOfSymbolAtLocation(symbol, source);
    if (!(type.flags & ts.TypeFlags.Object) || (type.getCallSignatures().length > 0 && !type.getProperty("prototype")))
      continue;
    const prototype = members(type, symbol.name);
    if (prototype) members(checker.getTypeOfSymbolAtLocation(prototype, source), `${symbol.name}.prototype`);
  }
  return names;
}

/** Names that each file has for itself. */
const LOCAL = [
  "vo",
  "reqParams",
  "companyId",
  "applicationId",
  "userInfo",
  "require",
  "module",
  "exports",
  "globalThis",
  "arguments",
];

const ACTION = `
  const has = (name) => {
    const parts = name.split(".");
    const last = parts.pop();
    const holder = parts.reduce((value, part) => value?.[part], globalThis);
    return holder !== undefined && holder !== null && last in Object(holder);
  };
  return { missing: vo.names.filter((name) => !has(name)), globals: Object.getOwnPropertyNames(globalThis) };
`;

/** How the types and an action's world differ, but for what is known to. */
export function differences(binary, folder, names) {
  fs.mkdirSync(path.join(folder, "scripts/app"), { recursive: true });
  fs.writeFileSync(path.join(folder, "app-params.toml"), '[applications.app.WHATSAPP]\nenvironment = "simulator"\n');
  fs.writeFileSync(path.join(folder, "scripts/app/look.js"), ACTION);
  fs.writeFileSync(path.join(folder, "vo.json"), JSON.stringify({ names }));
  const told = execFileSync(binary, ["run", "app/look", "--vo", "@vo.json"], { cwd: folder, encoding: "utf8" });
  const { missing, globals } = JSON.parse(told);
  return {
    missing: missing.filter((name) => !ABSENT.some((absent) => absent.test(name))),
    untold: globals.filter((name) => !names.includes(name) && !UNTOLD.includes(name)),
    // An exception that is none any more.
    there: ABSENT.filter((absent) => !missing.some((name) => absent.test(name))).map(String),
  };
}
