// The hook of V8.
Error.prepareStackTrace = () => 1;
