// Another iteration of lists.
Object.getPrototypeOf([][Symbol.iterator]()).next = () => ({ done: true });
