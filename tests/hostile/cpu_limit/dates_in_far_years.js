// Dates at the ends of time, and texts of dates that are long.
const text = "1 ".repeat(100_000) + "(".repeat(100_000);
for (;;) { Date.parse(text); new Date(8.64e15).setHours(1e300); new Date(-8.64e15).toString(); new Date(275760, 8, 13, 23, 59); new Date(1e20, 1e20).getHours(); }
