// Another prototype of a prototype.
Object.setPrototypeOf(Array.prototype, { polluted: 1 });
