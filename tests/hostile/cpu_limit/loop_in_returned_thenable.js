// In what is returned, as a promise.
return {
  then() {
    for (;;) {}
  },
};
