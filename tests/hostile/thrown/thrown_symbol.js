// A symbol.
throw Symbol('x');
