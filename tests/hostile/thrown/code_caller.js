// Who called.
return (function f() {
  return f.caller;
})();
