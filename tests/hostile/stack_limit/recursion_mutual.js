// Two functions.
const even = (n) => odd(n + 1);
const odd = (n) => even(n + 1);
return even(0);
