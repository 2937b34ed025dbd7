// limits: memory_mb = 64
// Each parameter writes the whole query of its URL anew.
const url = new URL("https://example.com/");
for (;;) url.searchParams.append("x".repeat(100), "");
