// Another console.
console.log = () => {};
