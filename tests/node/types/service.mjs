// TypeScript's language service over a folder of scripts, as an editor has it, or with the files as the host runs them.

import path from "node:path";

// An action is the body of an async function. TypeScript cannot be told so: it refuses a `return` at the top of a file
// (1108), and then does not look at what is returned. So actions are checked wrapped as the host wraps them. The text
// begins on a line of its own: TypeScript does not see a comment with a type behind something else on its line.
const PREFIX = "(async function () {\n";
const SUFFIX = "\n});";

const isModule = (folder, file) => path.relative(folder, file).split(path.sep)[1] === "lib";

/** The settings in a folder's jsconfig.json, and its files. */
export function settings(ts, folder, more = {}) {
  const file = path.join(folder, "jsconfig.json");
  const { config, error } = ts.readConfigFile(file, ts.sys.readFile);
  if (error) throw new Error(ts.flattenDiagnosticMessageText(error.messageText, "\n"));
  const parsed = ts.parseJsonConfigFileContent(config, ts.sys, folder, more, file);
  const wrong = parsed.errors.map((error) => ts.flattenDiagnosticMessageText(error.messageText, "\n"));
  if (wrong.length > 0) throw new Error(wrong.join("\n"));
  return parsed;
}

/** A language service; `texts` are files that are not on the disk, or not so. */
export function service(ts, folder, { more = {}, texts = new Map(), wrapped = false } = {}) {
  const { options, fileNames } = settings(ts, folder, more);
  const files = [...new Set([...fileNames, ...texts.keys()])];
  const read = (file) => {
    const text = texts.get(file) ?? ts.sys.readFile(file);
    const wraps =
      wrapped && text !== undefined && file.endsWith(".js") && files.includes(file) && !isModule(folder, file);
    return wraps ? PREFIX + text + SUFFIX : text;
  };
  const host = {
    getCompilationSettings: () => options,
    getScriptFileNames: () => files,
    getScriptVersion: () => "1",
    getScriptSnapshot: (file) => {
      const text = read(file);
      return text === undefined ? undefined : ts.ScriptSnapshot.fromString(text);
    },
    getCurrentDirectory: () => folder,
    getDefaultLibFileName: (options) => ts.getDefaultLibFilePath(options),
    fileExists: (file) => texts.has(file) || ts.sys.fileExists(file),
    readFile: read,
    readDirectory: ts.sys.readDirectory,
    directoryExists: ts.sys.directoryExists,
    getDirectories: ts.sys.getDirectories,
  };
  return ts.createLanguageService(host, ts.createDocumentRegistry());
}

/** Everything that is wrong in a folder, each with its place in the author's text. */
export function problems(ts, folder, given = {}) {
  const made = service(ts, folder, { ...given, wrapped: true });
  const program = made.getProgram();
  const found = [...program.getOptionsDiagnostics(), ...program.getGlobalDiagnostics()];
  for (const file of program.getSourceFiles()) {
    if (path.relative(folder, file.fileName).startsWith("..")) continue;
    found.push(...made.getSyntacticDiagnostics(file.fileName), ...made.getSemanticDiagnostics(file.fileName));
  }
  return found.map(({ file, start = 0, code, messageText }) => {
    const message = ts.flattenDiagnosticMessageText(messageText, "\n");
    if (!file) return { file: "", line: 0, column: 0, code, message };
    const { line, character } = file.getLineAndCharacterOfPosition(start);
    const before = file.text.startsWith(PREFIX) ? 1 : 0;
    return {
      file: path.relative(folder, file.fileName),
      line: line + 1 - before,
      column: character + 1,
      code,
      message,
    };
  });
}
