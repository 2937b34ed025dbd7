// Again on the way out.
(function f() {
  try {
    f();
  } finally {
    f();
  }
})();
