// By definition.
Object.defineProperty(Object.prototype, 'polluted', { value: 1 });
