// The plainest.
(function f() {
  f();
})();
