// While a class is made.
class A {
  static {
    for (;;) {}
  }
}
