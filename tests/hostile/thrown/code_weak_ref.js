// What would show when memory is collected.
return new WeakRef({}).deref();
