// A chain without an end.
function f() {
  return Promise.resolve().then(f);
}
return f();
