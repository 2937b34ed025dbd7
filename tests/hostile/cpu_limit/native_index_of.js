// A native loop of 2⁵³ steps that calls nothing.
return Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);
