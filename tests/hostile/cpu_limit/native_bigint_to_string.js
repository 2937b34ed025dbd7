// Decimal digits of a large number.
return (1n << 5_000_000n).toString().length;
