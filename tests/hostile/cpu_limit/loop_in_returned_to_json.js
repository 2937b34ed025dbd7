// In what is returned, after the action.
return {
  toJSON() {
    for (;;) {}
  },
};
