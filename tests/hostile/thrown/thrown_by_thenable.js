// A promise that lies.
return {
  get then() {
    throw new Error('no promise');
  },
};
