// A text that is asked for by a log line.
console.log("%s", { toString() { for (;;); } });
