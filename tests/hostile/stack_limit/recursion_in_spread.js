// Through an iterator.
const o = {
  [Symbol.iterator]() {
    return [...o];
  },
};
return [...o];
