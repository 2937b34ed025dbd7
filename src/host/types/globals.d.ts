/** The input of the action. Its type: `Boatswain.Notification`, `Boatswain.IncomingMessage`, or what `--vo` gave. */
declare const vo: Boatswain.Vo;
/** Which action runs, and for whom. */
declare const reqParams: Boatswain.ReqParams;
/** The company in whose name the action runs; `NODEFINED` where there is none. */
declare const companyId: string;
/** The application; the same as `reqParams.appId`. */
declare const applicationId: string;
declare const userInfo: {
  /** The same as the global `companyId`. */
  companyId: string;
};
/** The host's functions. */
declare const utils: Boatswain.Utils;

/**
 * A module of this application, evaluated once in each run.
 *
 * @param path begins with `./` or `../`, counts from this file and stays within the application's folder
 * @example
 * const { formatMoney } = require("./lib/orders");
 */
declare function require(path: string): any;

interface JSON {
  /**
   * Reads what a function of `utils` has returned as JSON.
   *
   * @param text what was returned
   */
  parse<T = any>(text: Boatswain.JsonString<T>): T;
}

/** Log lines. A first argument that is a string may hold `%s`, `%d`, `%i`, `%f`, `%j`, `%o`, `%O`. */
interface Console {
  /** Logs at `info`. */
  log(...data: any[]): void;
  info(...data: any[]): void;
  debug(...data: any[]): void;
  warn(...data: any[]): void;
  error(...data: any[]): void;
  /** Logs at `debug`. */
  trace(...data: any[]): void;
  /** Logs at `error` unless the condition holds. */
  assert(condition?: any, ...data: any[]): void;
  dir(value?: any): void;
  table(value?: any): void;
  group(...data: any[]): void;
  groupCollapsed(...data: any[]): void;
  groupEnd(): void;
  count(label?: string): void;
  countReset(label?: string): void;
  time(label?: string): void;
  timeLog(label?: string): void;
  timeEnd(label?: string): void;
  clear(): void;
}
declare const console: Console;

/** Calls a function later in this run. What is pending when the run ends is dropped, with a warning. */
declare function setTimeout<A extends any[]>(callback: (...args: A) => void, milliseconds?: number, ...args: A): number;
declare function clearTimeout(id: number | undefined): void;
declare function setInterval<A extends any[]>(
  callback: (...args: A) => void,
  milliseconds?: number,
  ...args: A
): number;
declare function clearInterval(id: number | undefined): void;
declare function queueMicrotask(callback: () => void): void;

declare function structuredClone<T>(value: T): T;
/** Bytes, one a character, as base64. */
declare function btoa(bytes: string): string;
/** base64 as bytes, one a character. */
declare function atob(base64: string): string;

declare function setImmediate<A extends any[]>(callback: (...args: A) => void, ...args: A): number;
declare function clearImmediate(id: number | undefined): void;

declare const crypto: {
  /** A random UUID (version 4). */
  randomUUID(): `${string}-${string}-${string}-${string}-${string}`;
  /** Fills an array of integers with random ones, and gives it back; 65,536 bytes at most. */
  getRandomValues<T extends Int8Array | Uint8Array | Uint8ClampedArray | Int16Array | Uint16Array | Int32Array | Uint32Array | BigInt64Array | BigUint64Array>(
    array: T,
  ): T;
};

declare class URLSearchParams {
  constructor(init?: string | Record<string, string> | Iterable<[string, string]> | URLSearchParams);
  readonly size: number;
  append(name: string, value: string): void;
  delete(name: string, value?: string): void;
  get(name: string): string | null;
  getAll(name: string): string[];
  has(name: string, value?: string): boolean;
  set(name: string, value: string): void;
  sort(): void;
  toString(): string;
  forEach(callback: (value: string, name: string, params: URLSearchParams) => void, thisArg?: any): void;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  entries(): IterableIterator<[string, string]>;
  [Symbol.iterator](): IterableIterator<[string, string]>;
}

declare class URL {
  constructor(url: string | URL, base?: string | URL);
  static canParse(url: string | URL, base?: string | URL): boolean;
  static parse(url: string | URL, base?: string | URL): URL | null;
  href: string;
  readonly origin: string;
  protocol: string;
  username: string;
  password: string;
  host: string;
  hostname: string;
  port: string;
  pathname: string;
  search: string;
  readonly searchParams: URLSearchParams;
  hash: string;
  toString(): string;
  toJSON(): string;
}

declare class TextEncoder {
  readonly encoding: "utf-8";
  encode(text?: string): Uint8Array;
}

declare class TextDecoder {
  constructor(label?: string, options?: { ignoreBOM?: boolean });
  readonly encoding: string;
  readonly ignoreBOM: boolean;
  decode(bytes?: ArrayBuffer | ArrayBufferView): string;
}
