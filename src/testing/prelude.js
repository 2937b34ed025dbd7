// What a test file has in scope, besides what every action has: an expression that takes the way to the host and the names
// of the functions that only actions have. Evaluated once, before the world is frozen; what changes stands in `let`s.
(function (host, actionsOnly) {
  "use strict";

  // The declared tests, what runs before each, whether one is under way, and what has brought about a failed run: of one run.
  let tests, hooks, running, blame;

  /** Asks the world of the test; the answer is a value. */
  function ask(what, how) {
    if (!running) throw new Error(`${what}: this belongs into a test: test("…", () => { … })`);
    return host.ask({ [what]: how });
  }

  /** Has something happen, with all that follows from it. */
  function cause(what, how) {
    const here = new Error("");
    const answer = ask(what, how);
    if (answer.failed) blame ??= here; // its stack has the line of the test
    return answer.returned;
  }

  // What was given.

  function distance(a, b) {
    let row = Array.from({ length: b.length + 1 }, (_, index) => index);
    for (let i = 1; i <= a.length; i++) {
      const next = [i];
      for (let j = 1; j <= b.length; j++) {
        next[j] = Math.min(next[j - 1] + 1, row[j] + 1, row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      }
      row = next;
    }
    return row[b.length];
  }

  /** An object of options, of which these are known. */
  function options(where, given, known) {
    if (given === undefined) return {};
    if (typeof given !== "object" || given === null) {
      throw new TypeError(`${where}: expected an object such as { ${known[0]}: … }, and was ${lines(given)}`);
    }
    for (const name of Object.keys(given)) {
      if (known.includes(name)) continue;
      const near = known.find((other) => distance(name.toLowerCase(), other.toLowerCase()) <= 2);
      throw new TypeError(`${where}: there is no \`${name}\`; ${near ? `did you mean \`${near}\`?` : `it takes ${known.join(", ")}`}`);
    }
    return given;
  }

  function given(where, name, value, type) {
    if (typeof value !== type) {
      throw new TypeError(`${where}: \`${name}\` must be a ${type}, and was ${lines(value)}`);
    }
    return value;
  }

  function times(where, number) {
    if (!(Number.isInteger(number) && number >= 1)) {
      throw new RangeError(`${where}: \`times\` must be a whole number from 1, and was ${lines(number)}`);
    }
    return number;
  }

  class AssertionError extends Error {}
  Object.defineProperty(AssertionError.prototype, "name", { value: "AssertionError" });

  // Declaring.

  function declared(name, fn, skipped) {
    if (typeof name !== "string" || name.trim() === "") {
      throw new TypeError('test: the name comes first: test("an order is confirmed", () => { … })');
    }
    if (typeof fn !== "function") throw new TypeError(`test: "${name}" needs a function as its second argument`);
    if (running === "test") throw new Error(`test: "${name}" stands inside another test`);
    if (tests.some((known) => known.name === name)) throw new Error(`test: there are two tests named "${name}"`);
    tests.push({ name, fn, skipped });
  }

  function test(name, fn) {
    declared(name, fn, false);
  }
  test.skip = function skip(name, fn) {
    declared(name, fn, true);
  };

  function beforeEach(fn) {
    if (typeof fn !== "function") throw new TypeError("beforeEach: it needs a function");
    hooks.push(fn);
  }

  /** Loads a file; gives its tests, or runs the one at a place. */
  async function runTests(load, index) {
    [tests, hooks, running, blame] = [[], [], null, undefined];
    load();
    const all = tests;
    if (index === null) return all.map(({ name, skipped }) => ({ name, skipped }));
    running = "test";
    for (const hook of hooks) await hook();
    await all[index].fn();
    const unseen = ask("end", {});
    if (unseen !== null) throw Object.assign(blame ?? new Error(""), { message: unseen });
  }

  // Comparing.

  function isPlain(value) {
    const prototype = Object.getPrototypeOf(value);
    return prototype === Object.prototype || prototype === null;
  }

  function kind(value) {
    if (Array.isArray(value)) return "Array";
    if (value instanceof Date) return "Date";
    if (value instanceof RegExp) return "RegExp";
    if (value instanceof Error) return "Error";
    if (value instanceof Map) return "Map";
    if (value instanceof Set) return "Set";
    if (ArrayBuffer.isView(value)) return "TypedArray";
    return isPlain(value) ? "Object" : Object.getPrototypeOf(value);
  }

  function isDeepEqual(a, b, above = []) {
    if (Object.is(a, b)) return true;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
    if (above.some(([left, right]) => left === a && right === b)) return true; // a circle, the same in both
    const what = kind(a);
    if (what !== kind(b)) return false;
    const within = [...above, [a, b]];
    const same = (left, right) => isDeepEqual(left, right, within);
    if (what === "Date") return Object.is(a.getTime(), b.getTime());
    if (what === "RegExp") return String(a) === String(b);
    if (what === "Error" && !(a.name === b.name && a.message === b.message)) return false;
    if (what === "Map") {
      return a.size === b.size && [...a].every(([key, value]) => b.has(key) && same(value, b.get(key)));
    }
    if (what === "Set") {
      return a.size === b.size && [...a].every((one) => b.has(one) || [...b].some((other) => same(one, other)));
    }
    const keys = Object.keys(a);
    return (
      a.length === b.length &&
      keys.length === Object.keys(b).length &&
      keys.every((key) => Object.hasOwn(b, key) && same(a[key], b[key]))
    );
  }

  /** A value on as many lines as it has members, so that two can be compared line by line. */
  function lines(value, indent = "", above = []) {
    if (typeof value === "string") return JSON.stringify(value);
    if (typeof value === "bigint") return `${value}n`;
    if (typeof value === "function") return `[function ${value.name}]`;
    if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : String(value);
    if (above.includes(value)) return "[circle]";
    const within = [...above, value];
    const inner = indent + "  ";
    const show = (member) => lines(member, inner, within);
    const block = (open, members, close) =>
      members.length === 0 ? open + close : `${open}\n${members.map((m) => `${inner}${m},\n`).join("")}${indent}${close}`;
    const what = kind(value);
    if (what === "Date") return Number.isNaN(value.getTime()) ? "Invalid Date" : value.toISOString();
    if (what === "RegExp") return String(value);
    if (what === "Error") return `[${value.name}: ${value.message}]`;
    if (what === "Map") return block("Map {", [...value].map(([key, one]) => `${show(key)} => ${show(one)}`), "}");
    if (what === "Set") return block("Set {", [...value].map(show), "}");
    if (what === "Array" || what === "TypedArray") return block("[", Array.from(value, show), "]");
    const name = what === "Object" ? "" : `${value.constructor?.name ?? "object"} `;
    const property = (key) => `${/^[A-Za-z_$][\w$]*$/.test(key) ? key : JSON.stringify(key)}: ${show(value[key])}`;
    return block(`${name}{`, Object.keys(value).sort().map(property), "}");
  }

  function fail(message, standard) {
    if (message instanceof Error) throw message;
    throw new AssertionError(message === undefined ? standard : `${message}: ${standard}`);
  }

  function differ(message, actual, expected, what) {
    const [is, should] = [lines(actual), lines(expected)];
    if (is === should) {
      return fail(message, `two objects that look alike are not the same one: assert.deepEqual compares what they hold: ${is}`);
    }
    const short = !is.includes("\n") && !should.includes("\n") && is.length + should.length < 100;
    if (short) return fail(message, `expected ${should}, and was ${is}`);
    if (typeof actual === "string" && typeof expected === "string" && !/\n/.test(actual + expected)) {
      let at = 0;
      while (actual[at] === expected[at]) at++;
      const from = Math.max(0, at - 30);
      const excerpt = (text) => `${from > 0 ? "…" : ""}${text.slice(from, at + 50)}${text.length > at + 50 ? "…" : ""}`;
      return fail(message, `the texts differ from character ${at + 1} on (- expected, + actual)\n- ${excerpt(expected)}\n+ ${excerpt(actual)}`);
    }
    fail(message, `${what} (- expected, + actual)\n${host.ask({ diff: { actual: is, expected: should } })}`);
  }

  function matches(error, expected) {
    if (expected === undefined) return true;
    if (expected instanceof RegExp) return expected.test(error instanceof Error ? error.message : String(error));
    if (typeof expected === "function") {
      if (expected.prototype !== undefined && error instanceof expected) return true;
      return !Error.isPrototypeOf(expected) && expected !== Error && expected(error) === true;
    }
    return Object.keys(expected).every((key) => isDeepEqual(error?.[key], expected[key]));
  }

  function thrown(error, expected, message) {
    if (matches(error, expected)) return error;
    const what = error instanceof Error ? `${error.name}: ${error.message}` : lines(error);
    const wanted = typeof expected === "function" ? expected.name || "what was asked for" : lines(expected);
    return fail(message, `expected it to throw ${wanted}, and it threw ${what}`);
  }

  function assert(value, message) {
    if (!value) fail(message, `expected something true, and was ${lines(value)}`);
  }
  Object.assign(assert, {
    ok: assert,
    equal(actual, expected, message) {
      if (!Object.is(actual, expected)) differ(message, actual, expected, "the values are not the same");
    },
    notEqual(actual, unwanted, message) {
      if (Object.is(actual, unwanted)) fail(message, `expected anything but ${lines(unwanted)}`);
    },
    deepEqual(actual, expected, message) {
      if (!isDeepEqual(actual, expected)) differ(message, actual, expected, "the values are not the same");
    },
    notDeepEqual(actual, unwanted, message) {
      if (isDeepEqual(actual, unwanted)) fail(message, `expected anything but ${lines(unwanted)}`);
    },
    match(text, expected, message) {
      if (typeof text !== "string") fail(message, `expected a text that matches ${expected}, and was ${lines(text)}`);
      if (!expected.test(text)) fail(message, `expected a text that matches ${expected}, and was ${lines(text)}`);
    },
    doesNotMatch(text, unwanted, message) {
      if (typeof text === "string" && unwanted.test(text)) {
        fail(message, `expected a text that does not match ${unwanted}, and was ${lines(text)}`);
      }
    },
    throws(fn, expected, message) {
      let error;
      try {
        fn();
      } catch (caught) {
        error = { caught };
      }
      if (error === undefined) fail(message, "expected it to throw, and it did not");
      return thrown(error.caught, expected, message);
    },
    async rejects(promise, expected, message) {
      let error;
      try {
        await (typeof promise === "function" ? promise() : promise);
      } catch (caught) {
        error = { caught };
      }
      if (error === undefined) fail(message, "expected it to be rejected, and it was not");
      return thrown(error.caught, expected, message);
    },
    fail(message) {
      fail(undefined, message ?? "the test was told to fail");
    },
  });

  // The world.

  /** Runs an action, and lets happen what follows from it. */
  function run(action, vo = {}, how) {
    given("run", "actionId", action, "string");
    const { company = null } = options("run", how, ["company"]);
    return cause("run", { action, vo, company });
  }

  function query(sql, ...params) {
    return ask("query", { sql, params });
  }

  function execute(sql, ...params) {
    return ask("execute", { sql, params });
  }

  /** A phone: it gets what is sent to its number, and somebody writes with it. */
  function phone(number, how) {
    given("phone", "number", number, "string");
    if (!/^\s*(\+|00)/.test(number)) {
      throw new TypeError(`phone: \`${number}\` is not in international form, such as "+393331234567"`);
    }
    const { company = null, name, reaches } = options("phone", how, ["company", "name", "reaches"]);
    const written = (message) => {
      const before = ask("messages", { to: number }).length;
      cause("write", { from: number, company, name, message });
      return ask("messages", { to: number }).slice(before);
    };
    const device = {
      number,
      get messages() {
        return ask("messages", { to: number });
      },
      get last() {
        return this.messages.at(-1);
      },
      write(message) {
        if (typeof message === "string") return written({ body: message });
        return written(options("write", message, ["body", "media", "location", "button", "replyTo", "sid"]));
      },
      tap(text, payload) {
        return written({ button: { text, payload } });
      },
      read() {
        cause("read", { number });
      },
      reaches(status) {
        ask("fate", { to: number, fate: { reaches: status } });
      },
    };
    // A phone may stand outside of the tests: then this is said when one begins.
    if (reaches !== undefined && running) device.reaches(reaches);
    else if (reaches !== undefined) hooks.push(() => device.reaches(reaches));
    return device;
  }

  const UNITS = [
    [/^(ms|milliseconds?)$/, 1],
    [/^(s|sec|seconds?)$/, 1000],
    [/^(m|min|minutes?)$/, 60_000],
    [/^(h|hours?)$/, 3_600_000],
    [/^(d|days?)$/, 86_400_000],
  ];

  function millis(duration) {
    if (typeof duration === "number" && duration >= 0) return Math.round(duration);
    const [, number, word] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/.exec(duration) ?? [];
    const unit = UNITS.find(([words]) => words.test(word));
    if (number === undefined || unit === undefined) {
      throw new TypeError(`clock.advance: "24h", "15 min", "30 s" or milliseconds, and was ${lines(duration)}`);
    }
    return Math.round(Number(number) * unit[1]);
  }

  const clock = {
    now() {
      return new Date(ask("now", {}));
    },
    advance(duration) {
      cause("advance", { ms: millis(duration) });
    },
    set(moment) {
      const at = new Date(moment).getTime();
      const now = this.now().getTime();
      if (Number.isNaN(at)) throw new TypeError(`clock.set: ${lines(moment)} is no moment such as "2026-12-24T18:00:00Z"`);
      if (!(at >= now)) throw new RangeError(`clock.set: a moment after ${new Date(now).toISOString()}, for time goes forward`);
      cause("advance", { ms: at - now });
    },
  };

  const twilio = {
    get messages() {
      return ask("messages", {});
    },
    failNext(code, how) {
      const where = "twilio.failNext";
      const { to = null, status = null, times: number = 1 } = options(where, how, ["to", "status", "times"]);
      const fails = { code: given(where, "code", code, "number"), status };
      ask("fate", { to, times: times(where, number), fate: { fails } });
    },
    loseNext(how) {
      const where = "twilio.loseNext";
      const { to = null, times: number = 1 } = options(where, how, ["to", "times"]);
      ask("fate", { to, times: times(where, number), fate: "lost" });
    },
    rules(rules) {
      if (!["open", "sandbox", "production"].includes(rules)) {
        throw new TypeError(`twilio.rules: open, sandbox or production, and was ${lines(rules)}`);
      }
      ask("rules", { rules });
    },
  };

  // What an administrator decides.

  /** Whether app-params.toml could have it as the value of a parameter. */
  function parameter(name, value, above = []) {
    if (["string", "boolean"].includes(typeof value) || Number.isFinite(value)) return;
    const isNested = typeof value === "object" && value !== null && (Array.isArray(value) || isPlain(value));
    if (!isNested || above.includes(value)) {
      throw new TypeError(`parameters: \`${name}\` must be a text, a number, true or false, or a list or an object of these, and was ${lines(value)}`);
    }
    for (const [key, member] of Object.entries(value)) {
      parameter(Array.isArray(value) ? `${name}[${key}]` : `${name}.${key}`, member, [...above, value]);
    }
  }

  function parameters(values) {
    if (typeof values !== "object" || values === null || !isPlain(values)) {
      throw new TypeError(`parameters: expected an object such as { shop_name: "Bottega" }, and was ${lines(values)}`);
    }
    const without = Object.keys(values).filter((name) => values[name] === undefined);
    for (const [name, value] of Object.entries(values)) if (value !== undefined) parameter(name, value);
    ask("parameters", { parameters: values, without });
  }

  const OF_COMPANY = ["messages_per_minute", "messages_per_day", "allowed_country_prefixes", "only_to"];
  const OF_APPLICATION = [
    ...OF_COMPANY, "company_messages_per_minute", "company_messages_per_day", "identical_messages_per_minute", "sends",
  ];

  function limits(values, how) {
    const { company = null } = options("limits", how, ["company"]);
    options("limits", values ?? null, company === null ? OF_APPLICATION : OF_COMPANY);
    for (const [name, value] of Object.entries(values)) {
      if (["allowed_country_prefixes", "only_to"].includes(name)) {
        if (Array.isArray(value) && value.every((one) => typeof one === "string")) continue;
        throw new TypeError(`limits: \`${name}\` must be a list of strings, and was ${lines(value)}`);
      }
      const [least, most] = name === "sends" ? [0, 100_000] : [1, 100_000_000];
      if (Number.isInteger(value) && value >= least && value <= most) continue;
      throw new RangeError(`limits: \`${name}\` must be a whole number from ${least} to ${most}, and was ${lines(value)}`);
    }
    ask("limits", { limits: values, company });
  }

  function pause(how) {
    const { company = null } = options("pause", how, ["company"]);
    ask("pause", { company });
  }

  function resume(how) {
    const { company = null } = options("resume", how, ["company"]);
    ask("resume", { company });
  }

  const MOST_BYTES = 100_000_000;

  const storage = {
    put(bucket, file, object) {
      const where = "storage.put";
      given(where, "bucketName", bucket, "string");
      given(where, "fileName", file, "string");
      const { contentType, ...content } = options(where, object ?? null, ["contentType", "text", "base64", "size"]);
      given(where, "contentType", contentType, "string");
      const kinds = Object.keys(content);
      if (kinds.length > 1) throw new TypeError(`${where}: \`${kinds.join("` and `")}\` exclude each other`);
      const [kind = "size"] = kinds;
      const { size = 1000 } = content;
      if (kind !== "size") given(where, kind, content[kind], "string");
      else if (!(Number.isInteger(size) && size >= 0 && size <= MOST_BYTES)) {
        throw new RangeError(`${where}: \`size\` must be a whole number of bytes from 0 to ${MOST_BYTES}, and was ${lines(size)}`);
      }
      ask("put", { bucket, file, contentType, content: { [kind]: kind === "size" ? size : content[kind] } });
    },
    get(bucket, file) {
      given("storage.get", "bucketName", bucket, "string");
      given("storage.get", "fileName", file, "string");
      return ask("get", { bucket, file });
    },
  };

  function logs() {
    return ask("logs", {});
  }

  function failures() {
    return ask("failures", {});
  }

  function inActions(name) {
    return () => {
      throw new Error(`${name} is an action's: call the action that uses it, run("<actionId>", vo); query(sql) reads the database`);
    };
  }

  const utils = {};
  for (const { path, isGlobal } of actionsOnly) {
    const names = path.split(".");
    const last = names.pop();
    let object = utils;
    for (const name of names) object = object[name] ??= {};
    object[last] = inActions(`utils.${path}`);
    if (isGlobal) globalThis[last] = inActions(path);
  }
  Object.assign(globalThis, {
    test, beforeEach, assert, run, query, execute, phone, clock, twilio, parameters, limits, pause, resume, storage, logs,
    failures, utils,
  });
  Object.defineProperty(globalThis, "boatswainRunTests", { value: runTests });
})
