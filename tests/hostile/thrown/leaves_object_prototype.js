// A property for all objects.
Object.prototype.polluted = 1;
