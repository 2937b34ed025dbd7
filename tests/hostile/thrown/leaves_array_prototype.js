// A property for all lists.
Array.prototype.polluted = 1;
