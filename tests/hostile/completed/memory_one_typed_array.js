// One buffer that is too large is an error that can be caught.
try {
  return new Uint8Array(2 ** 31).length;
} catch (error) {
  return error.name;
}
