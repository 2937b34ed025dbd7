// The wrapper's own function.
return (function () {
  return arguments.callee;
})();
