// Writes texts.tsv and clocks.tsv beside itself: what Node.js makes of dates, for tests/it/dates.rs.
// Run it with Node.js 20 after a change: node tests/data/dates/make.mjs
import { writeFileSync } from "node:fs";

const here = (name) => new URL(name, import.meta.url);
const zones = ["UTC", "Europe/Rome", "America/New_York", "Australia/Lord_Howe"];

const texts = [
  // The standard's form.
  "2026", "2026-11", "2026-11-28", "2026-11-28T20:00", "2026-11-28T20:00:00", "2026-11-28T20:00:00.5", "2026-11-28T20:00:00.123456789",
  "2026-11-28T20:00Z", "2026-11-28T20:00:00Z", "2026-11-28T20:00:00.123Z", "2026-11-28T20:00:00+01:00", "2026-11-28T20:00:00-0530",
  "2026-11-28T20:00:00+0100", "2026-11-28T24:00", "2026-11-28T24:00:01", "2026-11-28T25:00", "2026-11-28T20:60", "2026-11-28t20:00:00z",
  "2026-11-28T20", "2026-11-28T20:00:00+01", "2026-11-28T20:00:00 +01:00", "2026-11-28T20:00:00Z ", " 2026-11-28", "2026-11-28 ",
  "+002026-11-28", "-000001-01-01T00:00:00Z", "-000000-01-01T00:00:00Z", "+275760-09-13T00:00:00Z", "+275760-09-13T00:00:00.001Z",
  "2026-13-01", "2026-02-30", "2026-00-10", "2026-11-00", "2026-1-5", "2026-11-28T", "T20:00", "2026-11-28T20:00:00.Z", "20261128", "2026-W48",
  // Databases and logs.
  "2026-11-28 20:00:00", "2026-11-28 20:00", "2026-11-28 20:00:00.250", "2026-11-28 20:00:00Z", "2026-11-28 20:00:00 UTC", "2026-11-28 20:00:00+01",
  "2026-11-28 20:00:00+01:00", "2026-11-28 20:00:00.5-08:00", "2026-11-28  20:00:00", "2026-11-28 8:00 PM", "2026/11/28", "2026/11/28 20:00:00",
  "2026/1/5", "2026.11.28", "28.11.2026", "11.28.2026",
  // Mails and HTTP (RFC 2822, RFC 9110), as Twilio writes them.
  "Sat, 28 Nov 2026 20:00:00 GMT", "Sat, 28 Nov 2026 20:00:00 +0000", "Sat, 28 Nov 2026 20:00:00 +0100", "Sat, 28 Nov 2026 20:00:00 -0530", "28 Nov 2026 20:00:00 GMT",
  "Sat, 28 Nov 2026 20:00 +0100", "Sat, 28 Nov 26 20:00:00 EST", "Sat, 28 Nov 2026 20:00:00 +0100 (CET)", "Saturday, 28-Nov-26 20:00:00 GMT", "Sat Nov 28 20:00:00 2026",
  "Sun, 5 Jul 2026 09:05:01 PDT", "Mon, 01 Jun 2026 00:00:00 +00:00",
  // What Date itself writes.
  "Sat Nov 28 2026", "Sat Nov 28 2026 20:00:00 GMT+0100", "Sat Nov 28 2026 20:00:00 GMT+0100 (Central European Standard Time)", "Sat Nov 28 2026 20:00:00 GMT-0500 (EST)", "Sat, 28 Nov 2026 20:00:00 GMT",
  "11/28/2026, 8:00:00 PM", "28/11/2026, 20:00:00",
  // Hands.
  "11/28/2026", "1/5/2026", "11/28/26", "11/28/75", "28/11/2026", "11-28-2026", "11/28", "11/28/2026 20:00", "11/28/2026 8:00 PM", "11/28/2026 8:00pm", "11/28/2026 12:00 AM", "11/28/2026 12:30 pm",
  "11/28/2026 13:00 PM", "11/28/2026 0:30 AM", "Nov 28, 2026", "November 28, 2026", "Nov 28 2026", "nov 28, 2026 8:00 PM", "NOVEMBER 28 2026 20:00:00.25", "28 Nov 2026", "28 november 2026 20:00", "28-Nov-2026", "28-Nov-2026 10:15:30",
  "2026 Nov 28", "2026 28 Nov", "Nov 2026", "Nov 28", "28 Nov", "Nov", "Sept 3, 2026", "Sep. 3, 2026", "3rd of Sep 2026", "Nov 28th, 2026", "Nov 28, 2026 20:00 Z", "Nov 28, 2026 20:00 UTC+2", "Nov 28, 2026 20:00 GMT-3", "Nov 28, 2026 20:00 GMT+05:30",
  "Nov 28, 2026 20:00 GMT+12345", "Nov 28, 2026 20:00 CST", "Nov 28, 2026 20:00 MDT", "Nov 28, 2026 20:00 CET", "Nov 28, 2026 at 20:00", "at Nov 28, 2026", "Nov 28 (a (nested) comment) 2026", "(comment) Nov 28 2026", "Nov 28 2026 (never closed", "Nov 28 2026)", "Feb 30 2026", "Feb 32 2026", "Nov 31 2026 23:59:59",
  "Nov 28 2026 24:00", "Nov 28 2026 24:01", "Nov 28 2026 20:00:60", "Nov 28 2026 20", "Nov 28 2026 20:", "Nov 28 2026 20::", "Nov 28 2026 20:5", "Nov 28 2026 20:00:00:00", "Nov 28 2026 20:00:00.1234", "1 2 3", "1 2 3 4", "1", "12", "13", "31", "32", "99", "2026-", "0", "-1", "+1", "1e3", "1970-01-01T00:00:00+24:00",
  // What is none.
  "", " ", "today", "tomorrow 8pm", "nonsense", "domani", "28 novembre", "28 nov\u00e9 2026", "null", "undefined", "NaN", "Invalid Date", "2026-11-28T20:00:00Zulu", "20:00", "8 PM", "\u0662\u0660\u0662\u0666", "2026-11-28\u00a020:00:00", "2026-11-28\t20:00\n",
];

const lines = (rows) => rows.map((row) => row.map((cell) => JSON.stringify(cell)).join("\t") + "\n").join("");
const rows = [];
for (const zone of zones) {
  process.env.TZ = zone;
  for (const text of [...new Set(texts)]) {
    const time = Date.parse(text);
    if (!Object.is(time, new Date(text).getTime())) throw new Error(text);
    if (zone === "UTC" || time !== rows.find((row) => row[1] === text)[2]) rows.push([zone, text, time]);
  }
}
writeFileSync(here("texts.tsv"), lines(rows));

// Local time beside each change of the clocks in 2026, and far from any.
const clocks = [];
const HOUR = 3_600_000;
for (const zone of zones) {
  process.env.TZ = zone;
  const moments = [Date.UTC(2026, 0, 1), Date.UTC(2026, 6, 1), Date.UTC(1900, 0, 1, 12), Date.UTC(2100, 6, 1), 0, -1];
  for (let time = Date.UTC(2026, 0, 1); time < Date.UTC(2027, 0, 1); time += HOUR / 2) {
    const offset = (t) => new Date(t).getTimezoneOffset();
    if (offset(time) !== offset(time - HOUR / 2)) for (let step = -8; step <= 8; step++) moments.push(time + (step * HOUR) / 4);
  }
  for (const time of moments) {
    const date = new Date(time);
    const shown = new Date(time - date.getTimezoneOffset() * 60_000);
    const parts = [shown.getUTCFullYear(), shown.getUTCMonth(), shown.getUTCDate(), shown.getUTCHours(), shown.getUTCMinutes(), shown.getUTCSeconds(), shown.getUTCMilliseconds()];
    const after = (change) => { const changed = new Date(time); change(changed); return changed.getTime(); };
    clocks.push([zone, time, date.toString().replace(/ \(.*\)$/, ""), date.toTimeString().replace(/ \(.*\)$/, ""), date.getTimezoneOffset(), date.getHours(), date.getDay(),
      new Date(...parts).getTime(), new Date(...parts.with(3, parts[3] + 1)).getTime(),
      after((d) => d.setHours(2, 30)), after((d) => d.setMinutes(45, 1)), after((d) => d.setSeconds(3, 4)), after((d) => d.setMilliseconds(5)), after((d) => d.setDate(1)), after((d) => d.setMonth(2, 29)), after((d) => d.setFullYear(2027, 9, 31)), after((d) => d.setYear(99)), after((d) => d.setHours(NaN))]);
  }
}
writeFileSync(here("clocks.tsv"), lines(clocks));
console.log(`${rows.length} texts, ${clocks.length} clocks`);
