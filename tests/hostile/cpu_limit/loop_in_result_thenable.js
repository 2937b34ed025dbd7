// In what setReturnValue was given.
utils.setReturnValue({
  then() {
    for (;;) {}
  },
});
