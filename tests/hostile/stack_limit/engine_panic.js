// The limit of calls strikes where the engine counts on its own code to succeed.
const f = async () => `${await f()}`;
return f();
