// Runs for each message that somebody writes. What it returns is the reply.

/** @type {Boatswain.IncomingMessage} */
const { Body, profileName } = vo;

return `Hello ${profileName ?? "there"}, you wrote: ${Body}`;
