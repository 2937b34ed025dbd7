// Arithmetic that takes for ever.
return (3n ** 50_000_000n).toString().length;
