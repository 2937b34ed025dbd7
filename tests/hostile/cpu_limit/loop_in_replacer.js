// Inside a replacement.
'x'.replace(/x/, () => {
  for (;;) {}
});
