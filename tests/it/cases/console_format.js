console.log("%s is %d years and %i months, %f%%", "Ada", 36, 4.7, 99.5, "extra");
console.log("%o %O %j %c styled", { a: 1 }, [1], { b: [2] }, "color: red");
console.log("100%", "%s", "%z", 5);
console.log("%s");
console.log("%d %d", "12", "x");
console.log();
console.log(1, "two", [3], { four: 4 }, null, undefined, true, -0, 10n, Symbol("s"));
