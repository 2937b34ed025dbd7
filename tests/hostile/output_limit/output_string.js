// A result that is too large.
return 'x'.repeat(100_000);
