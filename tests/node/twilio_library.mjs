#!/usr/bin/env node
// Drives the simulator with Twilio's own library for Node.js, unchanged.
//
//     npm install --prefix DIR --ignore-scripts twilio@6.0.2
//     node tests/node/twilio_library.mjs DIR BASE_URL ACCOUNT_SID AUTH_TOKEN [FROM]
//
// BASE_URL is where the simulator listens, FROM one of the account's WhatsApp senders (+14155238886 if not given). The twin of
// tests/python/twilio_library.py: sends, reads, lists, cancels, redacts, deletes, takes media, provokes errors, and
// receives callbacks and an incoming message whose signatures the library's validateRequest must accept. Prints one line
// for each check; the exit status is 0 if all passed, else 1. Talks to loopback only.

import http from "node:http";
import { createRequire } from "node:module";
import path from "node:path";

const TO = "whatsapp:+393331234567";
const OTHER_TO = "whatsapp:+393337654321";
const SERVICE = `MG${"0".repeat(31)}8`;
const TEMPLATE = `HX${"0".repeat(31)}8`;
const PICTURE = Buffer.from("\x89PNG\r\n\x1a\n a picture", "latin1");
const DAY = 24 * 60 * 60 * 1000;

const [folder, base, account, token, number = "+14155238886"] = process.argv.slice(2);
if (!token) {
  console.error("usage: twilio_library.mjs DIR BASE_URL ACCOUNT_SID AUTH_TOKEN [FROM]");
  process.exit(2);
}
const baseUrl = base.replace(/\/$/, "");
const sender = `whatsapp:${number}`;
const twilio = createRequire(path.resolve(folder, "x.js"))("twilio");

// Sends what is meant for Twilio's API to the simulator.
class Redirected extends twilio.RequestClient {
  request(options) {
    return super.request({ ...options, uri: options.uri.replace(/^https:\/\/(api|messaging)\.twilio\.com/, baseUrl) });
  }
}

// Takes callbacks and queues them for the checks; answers incoming messages with TwiML.
const received = [];
const waiting = [];
const server = http.createServer((request, response) => {
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    const fields = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
    const url = `http://${request.headers.host}${request.url}`;
    const seen = { url, fields, signature: request.headers["x-twilio-signature"] };
    const next = waiting.shift();
    if (next) next(seen);
    else received.push(seen);
    if (fields.SmsMessageSid) {
      const twiml = new twilio.twiml.MessagingResponse();
      twiml.message("Grazie & a presto");
      response.writeHead(200, { "Content-Type": "text/xml" }).end(twiml.toString());
    } else {
      response.writeHead(204).end();
    }
  });
});

function next() {
  if (received.length) return Promise.resolve(received.shift());
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("nothing came within 10 s")), 10_000);
    waiting.push((seen) => {
      clearTimeout(timer);
      resolve(seen);
    });
  });
}

let failures = 0;

function check(name, passed, detail) {
  failures += passed ? 0 : 1;
  console.log(passed ? `ok   ${name}` : `FAIL ${name}: ${JSON.stringify(detail)}`);
}

async function checkError(name, code, status, attempt) {
  try {
    await attempt();
    check(name, false, "no error");
  } catch (error) {
    check(name, error.code === code && error.status === status, `${error.status} ${error.code} ${error.message}`);
  }
}

// A request of the simulator's own interface.
async function control(where, body) {
  const response = await fetch(`${baseUrl}/simulator/${where}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`${where}: ${response.status} ${await response.text()}`);
  const text = await response.text();
  return text ? JSON.parse(text) : null;
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const sidsOf = (messages) => messages.map((message) => message.sid);

async function main() {
  await control("accounts", {
    sid: account,
    auth_tokens: [token],
    messaging_services: [{ sid: SERVICE, senders: [number] }],
    templates: [{ sid: TEMPLATE, text: "Ciao {{1}}, il tuo ordine {{2}} è partito." }],
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const receiver = `http://127.0.0.1:${server.address().port}`;
  const callback = `${receiver}/callback/demo?message=1`;
  const client = twilio(account, token, { httpClient: new Redirected() });
  const create = (message) => client.messages.create(message);
  const now = Date.now();

  const text = await create({ to: TO, from: sender, body: "Ciao + è & co.", statusCallback: `${callback}#rc=2&rp=all` });
  check("a text is created", text.sid.startsWith("SM") && text.status === "queued", text.status);
  check("its fields are read", same([text.to, text.from, text.body], [TO, sender, "Ciao + è & co."]), text);
  check("its dates are dates", text.dateCreated instanceof Date && !Number.isNaN(text.dateCreated.getTime()), text);
  check("it has no error", text.errorCode === null && text.errorMessage === null, text.errorCode);
  check("it costs nothing yet", text.price === null && text.direction === "outbound-api", text.price);

  for (const expected of ["sent", "delivered", "read"]) {
    const { url, fields, signature } = await next();
    check(`the callback is ${expected}`, fields.MessageStatus === expected, fields);
    check("  and of this message", same([fields.MessageSid, fields.AccountSid], [text.sid, account]), fields);
    check("  its URL has no fragment", url === callback, url);
    check("  its signature is valid", twilio.validateRequest(token, signature, url, fields), signature);
    const forged = { ...fields, MessageStatus: "failed" };
    check("  and no other", !twilio.validateRequest(token, signature, url, forged), signature);
  }

  const media = await create({ to: OTHER_TO, from: sender, mediaUrl: ["https://example.com/a.png"] });
  check("media is created", media.sid.startsWith("MM") && media.numMedia === "1", media.numMedia);
  const listed = await client.messages(media.sid).media.list();
  check("its media are listed", same(listed.map((medium) => medium.parentSid), [media.sid]), listed);
  const medium = await client.messages(media.sid).media(listed[0].sid).fetch();
  check("a medium is fetched", same([medium.sid, medium.accountSid], [listed[0].sid, account]), medium);
  check("a medium is deleted", await client.messages(media.sid).media(medium.sid).remove());
  check("  and gone", same(await client.messages(media.sid).media.list(), []));

  const contentVariables = JSON.stringify({ 1: "Anna", 2: "A-7" });
  const template = await create({ to: TO, from: sender, contentSid: TEMPLATE, contentVariables });
  check("a template is created", template.body === "Ciao Anna, il tuo ordine A-7 è partito.", template.body);
  const served = await create({ to: TO, messagingServiceSid: SERVICE, body: "a" });
  check("a service is taken", same([served.status, served.from], ["accepted", null]), served.status);
  check("  with its id", served.messagingServiceSid === SERVICE, served.messagingServiceSid);
  const every = await create({
    to: TO, from: sender, body: "a", attempt: 1, maxPrice: 0.1, provideFeedback: false, smartEncoded: true,
    validityPeriod: 60, persistentAction: ["geo:45.46,9.19|Milano"], sendAsMms: false,
  });
  check("whatever else is asked for is taken", every.status === "queued", every.status);

  const fetched = await client.messages(text.sid).fetch();
  check("it is fetched", same([fetched.sid, fetched.status], [text.sid, "read"]), fetched.status);
  check("it was sent", fetched.dateSent instanceof Date, fetched.dateSent);

  const sids = sidsOf(await client.messages.list());
  const newest = sidsOf([every, served, template, media, text]);
  check("the list is newest first", same(sids.slice(0, 5), newest), sids);
  const to = sidsOf(await client.messages.list({ to: OTHER_TO, from: sender }));
  check("it is filtered by recipient", to.includes(media.sid) && !to.includes(text.sid), to);
  const recent = sidsOf(await client.messages.list({ dateSentAfter: new Date(now - DAY / 24) }));
  check("it is filtered by date", recent.includes(text.sid), recent);
  const old = await client.messages.list({ dateSentBefore: new Date(now - 2 * DAY) });
  check("  from both sides", old.length === 0, old);
  const that = await client.messages.list({ dateSent: new Date(now - 3 * DAY) });
  check("  and by the moment", that.length === 0, that);
  const paged = sidsOf(await client.messages.list({ pageSize: 2 }));
  check("its pages follow each other", same(paged, sids), paged);
  const itself = await client.api.v2010.accounts(account).fetch();
  check("the account is fetched", same([itself.sid, itself.status, itself.type], [account, "active", "Full"]), itself);
  const senders = await client.messaging.v2.channelsSenders.list({ channel: "whatsapp", pageSize: 1 });
  const isOnline = (one) => one.senderId === sender && one.status === "ONLINE";
  check("its senders are listed", senders.some(isOnline), senders);
  const service = await client.messaging.v1.services(SERVICE).fetch();
  check("a service is fetched", same([service.sid, service.stickySender], [SERVICE, true]), service);
  check("it is limited", same(sidsOf(await client.messages.list({ limit: 2 })), sids.slice(0, 2)));
  const page = await client.messages.page({ pageSize: 1 });
  check("a page leads to the next", same(sidsOf((await page.nextPage()).instances), sids.slice(1, 2)));

  const scheduled = (after, more) => () =>
    create({ to: TO, body: "Later", scheduleType: "fixed", sendAt: new Date(now + after), ...more });
  const later = await scheduled(DAY, { messagingServiceSid: SERVICE })();
  check("a message is scheduled", later.status === "scheduled", later.status);
  const canceled = await client.messages(later.sid).update({ status: "canceled" });
  check("and called off", canceled.status === "canceled", canceled.status);
  check("a text is redacted", (await client.messages(text.sid).update({ body: "" })).body === "");

  const told = await control("incoming", {
    account_sid: account, from: OTHER_TO, to: sender, body: "Ecco + è", profile_name: "Anna",
    media: [{ content_type: "image/png", base64: PICTURE.toString("base64") }],
    url: `${receiver}/incoming`,
  });
  const { url, fields, signature } = await next();
  check("a message comes in", same([fields.Body, fields.NumMedia, fields.ProfileName], ["Ecco + è", "1", "Anna"]), fields);
  check("  its signature is valid", twilio.validateRequest(token, signature, url, fields), signature);
  const inbound = await client.messages(told.sid).fetch();
  check("  it is in the log", same([inbound.direction, inbound.status], ["inbound", "received"]), inbound);
  const authorization = `Basic ${Buffer.from(`${account}:${token}`).toString("base64")}`;
  const bytes = await fetch(fields.MediaUrl0, { headers: { authorization } });
  check("  its medium leads to the bytes", bytes.redirected && bytes.headers.get("content-type") === "image/png", bytes.status);
  check("  which are those", Buffer.from(await bytes.arrayBuffer()).equals(PICTURE));
  const reply = await client.messages(told.replies[0]).fetch();
  const expected = ["Grazie & a presto", "outbound-reply", OTHER_TO];
  check("its answer is sent", same([reply.body, reply.direction, reply.to], expected), reply);

  check("a message is deleted", await client.messages(text.sid).remove());
  await checkError("what was deleted is gone", 20404, 404, () => client.messages(text.sid).fetch());

  const from = sender;
  const soon = { messagingServiceSid: SERVICE };
  const strangersCreate = (message) =>
    twilio(account, "wrong", { httpClient: new Redirected() }).messages.create(message);
  for (const [name, code, status, attempt] of [
    ["a bad recipient", 21211, 400, () => create({ to: "whatsapp:+12", from, body: "a" })],
    ["a bad sender", 21212, 400, () => create({ to: TO, from: "whatsapp:nobody", body: "a" })],
    ["a sender without channel", 63007, 400, () => create({ to: TO, from: number, body: "a" })],
    ["a recipient without channel", 21910, 400, () => create({ to: TO.slice(9), from, body: "a" })],
    ["no content", 21619, 400, () => create({ to: TO, from })],
    ["a long text", 21617, 400, () => create({ to: TO, from, body: "a".repeat(1601) })],
    ["no sender", 21603, 400, () => create({ to: TO, body: "a" })],
    ["a bad callback", 21609, 400, () => create({ to: TO, from, body: "a", statusCallback: "here" })],
    ["a bad medium", 21620, 400, () => create({ to: TO, from, mediaUrl: ["a.png"] })],
    ["an unknown service", 21701, 400, () => create({ to: TO, messagingServiceSid: `MG${"9".repeat(32)}`, body: "a" })],
    ["a bad template", 21655, 400, () => create({ to: TO, from, contentSid: "HX1" })],
    ["bad variables", 21656, 400, () => create({ to: TO, from, contentSid: TEMPLATE, contentVariables: "Anna" })],
    ["a bad validity", 90007, 400, () => create({ to: TO, from, body: "a", validityPeriod: 36001 })],
    ["a schedule without service", 35118, 400, scheduled(DAY, { from })],
    ["a schedule too soon", 35114, 400, scheduled(60_000, soon)],
    ["what was called off already", 30409, 409, () => client.messages(later.sid).update({ status: "canceled" })],
    ["a limit of requests", 20429, 429, () => create({ to: "whatsapp:+393990120429", from, body: "a" })],
    ["a wrong key", 20003, 401, () => strangersCreate({ to: TO, from, body: "a" })],
  ]) {
    await checkError(name, code, status, attempt);
  }
}

await main();
server.close();
server.closeAllConnections?.();
console.log(failures ? `${failures} failed` : "all passed");
process.exitCode = failures ? 1 : 0;
