// Through Reflect.
function f() {
  return Reflect.apply(f, null, []);
}
return f();
