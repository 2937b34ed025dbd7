// What a test (`*.test.js`) finds besides; an action does not have it. docs/testing.md tells more.

declare namespace Boatswain {
  /** A message as a test sees it. */
  interface SentMessage {
    readonly sid: string;
    /** In E.164 form. */
    readonly to: string;
    readonly from: string | null;
    readonly body: string;
    readonly mediaUrls: string[];
    readonly status: MessageStatus;
    /** Twilio's. */
    readonly errorCode: number | null;
    readonly contentSid: string | null;
    readonly contentVariables: Record<string, string> | null;
    /** RFC 3339, in UTC. */
    readonly createdAt: string;
  }

  /** What somebody writes. */
  interface WrittenMessage {
    body?: string;
    media?: { contentType: string; base64: string }[];
    location?: { latitude: number; longitude: number; address?: string; label?: string };
    button?: { text: string; payload?: string };
    /** The `sid` of the message that is replied to. */
    replyTo?: string;
    /** The `sid` of a message that comes in once more. */
    sid?: string;
  }

  /** A phone in a test. */
  interface Phone {
    readonly number: string;
    /** What was sent to it, whatever became of it, oldest first. */
    readonly messages: SentMessage[];
    /** The last of them. */
    readonly last: SentMessage;
    /** Somebody writes; gives the messages that came in answer. */
    write(message: string | WrittenMessage): SentMessage[];
    /** Somebody touches a button. */
    tap(text: string, payload?: string): SentMessage[];
    /** Somebody looks at what was delivered. */
    read(): void;
    /** How far messages to it get from now on. */
    reaches(status: "queued" | "sent" | "delivered" | "read"): void;
  }

  /** A parameter, as app-params.toml may have it. */
  type Parameter = string | number | boolean | Parameter[] | { [name: string]: Parameter };

  interface CompanySendingLimits {
    messages_per_minute?: number;
    messages_per_day?: number;
    /** `["+39"]`: to no other countries. */
    allowed_country_prefixes?: string[];
    /** To no other numbers. */
    only_to?: string[];
  }

  interface SendingLimits extends CompanySendingLimits {
    company_messages_per_minute?: number;
    company_messages_per_day?: number;
    identical_messages_per_minute?: number;
    /** Messages of one run. */
    sends?: number;
  }

  interface NewFile {
    contentType: string;
    text?: string;
    base64?: string;
    /** In bytes. */
    size?: number;
  }

  /** What is expected of an error: a pattern of its message, its class, some of its members, or whether it is the one. */
  type ExpectedError = RegExp | (new (...args: any[]) => Error) | { [member: string]: any } | ((error: any) => boolean);

  interface Assert {
    (value: unknown, message?: string | Error): asserts value;
    ok(value: unknown, message?: string | Error): asserts value;
    /** The same value, as `Object.is` has it. */
    equal<T>(actual: unknown, expected: T, message?: string | Error): asserts actual is T;
    notEqual(actual: unknown, unwanted: unknown, message?: string | Error): void;
    /** The same members, in any order. */
    deepEqual(actual: unknown, expected: unknown, message?: string | Error): void;
    notDeepEqual(actual: unknown, unwanted: unknown, message?: string | Error): void;
    match(text: unknown, expected: RegExp, message?: string | Error): void;
    doesNotMatch(text: unknown, unwanted: RegExp, message?: string | Error): void;
    /** Gives the error. */
    throws(fn: () => unknown, expected?: ExpectedError, message?: string | Error): any;
    /** Gives the error; to be awaited. */
    rejects(promise: Promise<unknown> | (() => Promise<unknown>), expected?: ExpectedError, message?: string | Error): Promise<any>;
    fail(message?: string): never;
  }
}

/**
 * Declares a test, which has a world of its own: an empty database, phones, and a clock that stands still.
 *
 * @example
 * test("an order is confirmed", () => {
 *   run("confirmOrder", { orderId: "A-1", customer: "Ada", phone: "+393331234567", totalCents: 4890 });
 *   assert.match(phone("+393331234567").last.body, /A-1/);
 * });
 */
declare const test: {
  (name: string, fn: () => unknown): void;
  /** Declares a test that is not run. */
  skip(name: string, fn: () => unknown): void;
};
/** Runs before each test of the file, in its world. */
declare function beforeEach(fn: () => unknown): void;
declare const assert: Boatswain.Assert;
/** Runs an action and all that follows from it; gives what it returned, throws when it failed. */
declare function run(actionId: string, vo?: object, options?: { company?: string }): any;
/** Rows of the application's database. */
declare function query(sql: string, ...params: (string | number | boolean | null)[]): any[];
/** A statement on the application's database; gives the number of rows. */
declare function execute(sql: string, ...params: (string | number | boolean | null)[]): number;
/** A phone: `company` is whose sender it writes to, `name` what the person is called. */
declare function phone(
  number: string,
  options?: { company?: string; name?: string; reaches?: "queued" | "sent" | "delivered" | "read" },
): Boatswain.Phone;
declare const clock: {
  now(): Date;
  /** `"24h"`, `"15 min"`, `"30 s"`, or milliseconds. */
  advance(duration: string | number): void;
  /** A moment to come. */
  set(moment: string | number | Date): void;
};
declare const twilio: {
  /** Everything that the application has sent, oldest first. */
  readonly messages: Boatswain.SentMessage[];
  /** The next message fails with one of Twilio's codes. */
  failNext(code: number, options?: { to?: string; status?: "refused" | "failed" | "undelivered"; times?: number }): void;
  /** The next message is taken, but the answer that says so is lost. */
  loseNext(options?: { to?: string; times?: number }): void;
  /** How strict the simulator is from now on. */
  rules(rules: "open" | "sandbox" | "production"): void;
};
/**
 * Gives the application parameters for this test, on top of those of app-params.toml; `undefined` takes one away.
 *
 * @example
 * parameters({ shop_name: "Bottega", batch_size: 2, greeting: undefined });
 */
declare function parameters(values: { [name: string]: Boatswain.Parameter | undefined }): void;
/** What the application, or a company, may send from now on; without it everything. The names are those of app-params.toml. */
declare function limits(values: Boatswain.SendingLimits): void;
declare function limits(values: Boatswain.CompanySendingLimits, options: { company?: string }): void;
/** Pauses sending, of the application or of a company, as `boatswain pause` does. */
declare function pause(options?: { company?: string }): void;
/** Has sending go on. */
declare function resume(options?: { company?: string }): void;
/** Google Cloud Storage. All buckets are there, and empty when a test begins. */
declare const storage: {
  /** Puts a file into a bucket. Without content it has 1,000 bytes that begin as its type does; with `size` so many of them. */
  put(bucketName: string, fileName: string, file: Boatswain.NewFile): void;
  /** The file of a name, or null. */
  get(bucketName: string, fileName: string): { contentType: string; size: number; base64: string } | null;
};
/** What the actions have logged. */
declare function logs(): { action: string; level: "debug" | "info" | "warn" | "error"; text: string }[];
/** The runs of callbacks and incoming messages that failed, which then count as expected. */
declare function failures(): { action: string; reason: string; message: string; code: string | null }[];
