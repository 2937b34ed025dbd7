// Through a native function.
function f() {
  [1].forEach(f);
}
f();
