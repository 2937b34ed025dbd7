// Awaits inside awaits.
const f = async () => f();
return f();
