// Texts that are joined.
return Array(2000).fill('x'.repeat(10000)).join('').length;
