// A reversal of nothing, at length.
return Array.prototype.reverse.call({ length: 2 ** 53 - 1 });
