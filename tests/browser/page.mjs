// The simulator's page in a real browser: a conversation of twenty messages both ways with media, and everything that
// the page promises besides.
//
//     npm install --prefix target/ci/browser --ignore-scripts playwright-core@1.56.1
//     cargo build && node tests/browser/page.mjs target/debug/boatswain target/ci/browser
//
// Needs Node.js 18 and Chromium (/usr/bin/chromium, or the environment variable CHROMIUM). Screenshots are in the second
// folder; look at them after a change of the page.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const [binary, folder] = process.argv.slice(2).map((given) => path.resolve(given));
const { chromium } = createRequire(path.join(folder, "package.json"))("playwright-core");
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");

const ACCOUNT = `AC${"b".repeat(32)}`;
const TOKEN = "browser-test-token";
const SHOP = "+14155550100";
const ADA = "+393331234567";
const TEMPLATE = `HX${"1".repeat(32)}`;

// ---- an application: it receives, sends and has files ----

const picture = await readFile(path.join(root, "public/demo/order-confirmation.png"));
// Forty frames of MPEG layer III, 128 kbit/s at 44.1 kHz, which are silence.
const sound = Buffer.concat(Array(40).fill(Buffer.concat([Buffer.from([0xff, 0xfb, 0x90, 0x64]), Buffer.alloc(413)])));
const invoice = Buffer.from("%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF\n");
const FILES = {
  "/order.png": ["image/png", picture],
  "/invoice.pdf": ["application/pdf", invoice],
  "/thanks.mp3": ["audio/mpeg", sound],
};
/** What the application received, and how it answers next. */
const received = [];
let twiml = "<Response/>";

const application = createServer(async (request, response) => {
  const body = [];
  for await (const chunk of request) body.push(chunk);
  const file = FILES[request.url];
  if (file) {
    response.writeHead(200, { "Content-Type": file[0], "Content-Length": file[1].length });
    return response.end(request.method === "HEAD" ? undefined : file[1]);
  }
  if (request.url === "/message") {
    received.push(Object.fromEntries(new URLSearchParams(Buffer.concat(body).toString())));
    response.writeHead(200, { "Content-Type": "text/xml" });
    return response.end(twiml);
  }
  response.writeHead(request.url === "/status" ? 204 : 404);
  response.end();
});
application.listen(0, "127.0.0.1");
await once(application, "listening");
const app = `http://127.0.0.1:${application.address().port}`;

// ---- the simulator ----

let simulator;

async function startSimulator(listen) {
  const params = path.join(root, "app-params.toml");
  simulator = spawn(binary, ["simulator", "--params", params, "--listen", listen], { stdio: ["ignore", "pipe", "inherit"] });
  let url;
  for await (const line of createInterface({ input: simulator.stdout })) {
    url ??= /^simulator +(http\S+)/.exec(line)?.[1];
    if (line === "ready") break;
  }
  assert(url, "the simulator did not start");
  await control("accounts", {
    sid: ACCOUNT,
    auth_tokens: [TOKEN],
    senders: [{ number: SHOP, incoming_url: `${app}/message` }],
    templates: [{ sid: TEMPLATE, text: "Ciao {{1}}, your order {{2}} is ready.", approved: true }],
  }, url);
  return url;
}

async function control(name, body, base = url) {
  const answer = await fetch(`${base}/simulator/${name}`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });
  assert(answer.ok, `${name}: ${answer.status} ${await answer.clone().text()}`);
}

/** The shop writes to a phone; gives Twilio's answer. */
async function send(fields, to = ADA) {
  const form = new URLSearchParams({ To: `whatsapp:${to}`, From: `whatsapp:${SHOP}`, StatusCallback: `${app}/status`, ...fields });
  const answer = await fetch(`${url}/2010-04-01/Accounts/${ACCOUNT}/Messages.json`, {
    method: "POST",
    headers: { Authorization: `Basic ${Buffer.from(`${ACCOUNT}:${TOKEN}`).toString("base64")}` },
    body: form,
  });
  return { http: answer.status, ...(await answer.json()) };
}

const url = await startSimulator("127.0.0.1:0");

// ---- the browser ----

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, locale: "en-GB", colorScheme: "light" });
const page = await context.newPage();
page.setDefaultTimeout(15_000);

const problems = [];
page.on("console", (message) => ["error", "warning"].includes(message.type()) && problems.push(`${message.type()}: ${message.text()}`));
page.on("pageerror", (error) => problems.push(String(error)));
page.on("dialog", (dialog) => dialog.accept());
const origins = new Set();
page.on("request", (request) => origins.add(new URL(request.url()).origin));

const screenshot = (name) => page.screenshot({ path: path.join(folder, `${name}.png`) });
const bubble = (sid) => page.locator(`[data-sid="${sid}"]`);
const bubbles = () => page.locator(".messages .bubble");
/** Waits until what a phone has written is there, and gives its bubble. */
const mine = async (text) => {
  const found = page.locator(".messages .mine").filter({ hasText: text });
  await found.waitFor();
  return found;
};
const say = async (text, shown = text) => {
  await page.fill("#text", text);
  await page.press("#text", "Enter");
  return mine(shown);
};
const isRead = (sid) => bubble(sid).locator(".ticks.is-read").waitFor();

let failed = 0;
async function promise(name, check) {
  try {
    await check();
    console.log(`ok      ${name}`);
  } catch (error) {
    failed += 1;
    console.log(`FAILED  ${name}\n${error.stack}`);
    await screenshot(`failed-${failed}`);
    if (problems.length > 0) console.log(problems.join("\n"));
  }
}

await promise("the page is there before anything else is", async () => {
  await page.goto(url);
  await page.locator('#link[data-link="open"]').waitFor();
  assert.equal(await page.locator("#no-phones").isVisible(), true);
  assert.equal(await page.inputValue("#rules"), "open");
  await page.locator("#clock", { hasText: /\d\d:\d\d:\d\d/ }).waitFor();
  await screenshot("1-empty");
});

await promise("a conversation of twenty messages, live", async () => {
  const first = await send({ Body: "Ciao Ada! Your order *A-1001* is confirmed. Follow it at https://shop.example/A-1001" });
  await page.locator(`.phone[data-number="${ADA}"]`).waitFor();
  await page.locator(".phone .unread", { hasText: "1" }).waitFor();
  await page.click(`.phone[data-number="${ADA}"]`);
  await isRead(first.sid);
  assert.equal(await bubble(first.sid).locator("strong").textContent(), "A-1001");
  assert.equal(await bubble(first.sid).locator("a").getAttribute("href"), "https://shop.example/A-1001");
  assert.equal(await page.locator(".phone .unread").count(), 0);

  await page.fill("#profile", "Ada Lovelace");
  await page.press("#profile", "Enter");
  await page.selectOption("#sender", `${ACCOUNT} ${SHOP}`);
  await (await mineAfter(() => page.click('[data-say="join boatswain"]'), "join boatswain")).locator(".is-taken").waitFor();
  assert.deepEqual([received.at(-1).Body, received.at(-1).ProfileName, received.at(-1).From], ["join boatswain", "Ada Lovelace", `whatsapp:${ADA}`]);

  const shown = await send({ Body: "This is what you ordered.", MediaUrl: `${app}/order.png` });
  await isRead(shown.sid);
  await page.waitForFunction((sid) => document.querySelector(`[data-sid="${sid}"] .picture img`)?.naturalWidth > 0, shown.sid);
  await say("Lovely! Can I have it in *blue*? 🙂", "in blue? 🙂");
  const document = await send({ MediaUrl: `${app}/invoice.pdf` });
  await isRead(document.sid);
  assert.match(await bubble(document.sid).locator(".card").textContent(), /invoice\.pdf.*Document · application\/pdf/);

  twiml = "<Response><Message>Thank you for the picture.</Message></Response>";
  await page.setInputFiles("#files", [{ name: "blue.png", mimeType: "image/png", buffer: picture }]);
  await page.locator("#attached li", { hasText: "blue.png" }).waitFor();
  const sent = await say("Like this one");
  await page.waitForFunction(() => document.querySelector(".mine .picture img")?.naturalWidth > 0);
  await page.locator(".messages .theirs", { hasText: "Thank you for the picture." }).waitFor();
  twiml = "<Response/>";
  assert.deepEqual([received.at(-1).NumMedia, received.at(-1).MediaContentType0], ["1", "image/png"]);
  assert.equal(await page.locator("#attached li").count(), 0);
  assert.equal(await sent.locator(".picture img").count(), 1);

  await page.setInputFiles("#files", [{ name: "address.pdf", mimeType: "application/pdf", buffer: invoice }]);
  await page.click("#send");
  await page.locator(".mine .card", { hasText: "application/pdf" }).waitFor();
  const template = await send({ ContentSid: TEMPLATE, ContentVariables: JSON.stringify({ 1: "Ada", 2: "A-1001" }) });
  await isRead(template.sid);
  assert.match(await bubble(template.sid).textContent(), /Ciao Ada, your order A-1001 is ready\./);

  await bubble(template.sid).locator(".details").click();
  await page.click("#side >> text=Reply to it");
  const reply = await say("When can I fetch it?");
  assert.match(await reply.locator("blockquote").textContent(), /Ciao Ada/);
  assert.equal(received.at(-1).OriginalRepliedMessageSid, template.sid);
  await page.press("body", "Escape");

  const spoken = await send({ MediaUrl: `${app}/thanks.mp3` });
  await isRead(spoken.sid);
  assert.equal(await bubble(spoken.sid).locator("audio").count(), 1);
  await say("Two lines:\n_tomorrow_ or ~today~", "tomorrow or today");
  const elsewhere = await send({ Body: "Our shop", MediaUrl: "https://pictures.example/shop.jpg" });
  await isRead(elsewhere.sid);
  assert.equal(await bubble(elsewhere.sid).locator("img").count(), 0, "nothing is fetched from elsewhere");
  assert.equal(await bubble(elsewhere.sid).locator(".card a").getAttribute("href"), "https://pictures.example/shop.jpg");
  await control("incoming", { account_sid: ACCOUNT, from: ADA, to: SHOP, body: "", profile_name: "Ada Lovelace", location: { latitude: 45.4642, longitude: 9.19, label: "Home" } });
  await page.locator(".mine .card", { hasText: "45.4642, 9.19" }).waitFor();
  await isRead((await send({ Body: "That is near. Tomorrow at ten?" })).sid);
  await say("Yes, perfect");
  await isRead((await send({ Body: "The picture again, with our number:", MediaUrl: `${app}/order.png` })).sid);
  await say("_Very_ pretty.", "Very pretty.");
  await isRead((await send({ Body: "See you then! Write STOP if you want no more messages." })).sid);
  await say("Grazie!");
  assert.equal(await bubbles().count(), 20);
  // The application has taken them all.
  await page.waitForFunction(() => [...document.querySelectorAll(".mine")].every((mine) => mine.querySelector(".is-taken")));
  await screenshot("2-conversation");
});

/** Does something, and waits for what the phone then has written. */
async function mineAfter(act, text) {
  await act();
  return mine(text);
}

await promise("a fault is a button, and says with Twilio's code what happened", async () => {
  await page.click("#show-faults");
  await page.fill("[name=code]", "63016");
  await page.click("#side >> text=Undelivered");
  await page.locator("#armed", { hasText: "The next message: undelivered, 63016" }).waitFor();
  await screenshot("3-faults");
  const unlucky = await send({ Body: "Are you still there?" });
  await bubble(unlucky.sid).locator(".ticks.is-undelivered").waitFor();
  const why = bubble(unlucky.sid).locator(".failure");
  assert.match(await why.textContent(), /undelivered: 63016 \w+/);
  assert.equal(await why.locator("a").getAttribute("href"), "https://www.twilio.com/docs/api/errors/63016");
  await page.locator("#armed").waitFor({ state: "hidden" });
  await isRead((await send({ Body: "And this one arrives." })).sid);

  await page.click("#side >> text=429");
  await page.locator("#armed", { hasText: "HTTP 429" }).waitFor();
  assert.equal((await send({ Body: "Too fast" })).http, 429);
  await page.locator("#armed").waitFor({ state: "hidden" });
  await page.click("#side >> text=Silence");
  await page.locator("#armed", { hasText: "no callback ever" }).waitFor();
  await page.click("text=Take back");
  await page.locator("#armed").waitFor({ state: "hidden" });
  await isRead((await send({ Body: "As usual." })).sid);
});

await promise("several phones, as the documentation shows them", async () => {
  const others = [
    ["+447700900123", "Grace Hopper", "Is my parcel on its way?", "Yes: it arrives tomorrow before noon."],
    ["+33612345678", "Sophie Germain", "Merci beaucoup!", "Your invoice is attached."],
    ["+14155550177", "Katherine Johnson", "STOP that noise :)", "Your order A-1004 is confirmed."],
  ];
  for (const [from, profile_name, body, answer] of others) {
    await control("incoming", { account_sid: ACCOUNT, from, to: SHOP, body, profile_name });
    await send({ Body: answer }, from);
    await page.locator(`.phone[data-number="${from}"] .ticks.is-read`).waitFor();
  }
  await send({ To: `whatsapp:+393480000000`, Body: "Your code is 204 117." });
  await send({ Body: "Your parcel was handed over. Enjoy it!", MediaUrl: `${app}/order.png` });
  for (const text of ["Your code", "Your parcel"]) await page.locator(".phone", { hasText: text }).locator(".is-read").waitFor();
  await page.waitForFunction(() => document.querySelectorAll(".phone .unread").length === 4);
  await screenshot("doc");
});

await promise("each fault that has a button is one that the simulator knows", async () => {
  const buttons = page.locator(".fault-buttons button");
  for (const taken of [true, false]) {
    await page.setChecked("[name=taken]", taken);
    for (let index = 0; index < (await buttons.count()); index += 1) {
      const answer = page.waitForResponse((response) => response.request().method() === "POST");
      await buttons.nth(index).click();
      assert.equal((await answer).status(), 204, await buttons.nth(index).textContent());
    }
  }
  await page.click("text=Take back");
  await page.press("body", "Escape");
  await page.locator("#side").waitFor({ state: "hidden" });
});

await promise("the details of a message, its callbacks among them", async () => {
  const { sid } = await send({ Body: "Details, please." });
  await isRead(sid);
  await bubble(sid).locator(".details").click();
  const side = page.locator("#side");
  await side.locator(".callbacks tbody tr", { hasText: "read" }).waitFor();
  assert.equal(await side.locator(".callbacks tbody tr").count(), 3);
  assert.match(await side.locator(".callbacks tbody tr").first().textContent(), /sentHTTP 2041/);
  const facts = await side.textContent();
  for (const fact of [sid, ACCOUNT, SHOP, ADA, `${app}/status`]) assert(facts.includes(fact), fact);
  assert(!facts.includes(TOKEN));
  await screenshot("4-details");
  await page.press("body", "Escape");
  assert.equal(await page.evaluate(() => document.activeElement.className), "details", "the focus goes back");
});

await promise("what stands in messages is text", async () => {
  const attack = `<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>`;
  const phone = "+393330000666";
  await send({ Body: `${attack} javascript:alert(1) *<b>*` }, phone);
  await control("incoming", { account_sid: ACCOUNT, from: phone, to: SHOP, body: attack, profile_name: attack });
  await control("incoming", { account_sid: ACCOUNT, from: phone, to: SHOP, body: "svg", media: [{ content_type: "image/svg+xml", base64: Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="window.hacked=1"><script>window.hacked=1</script></svg>`).toString("base64") }] });
  await page.click(`.phone[data-number="${phone}"]`);
  await page.locator(".mine .text", { hasText: "onerror" }).waitFor();
  await page.locator(".mine", { hasText: "svg" }).waitFor();
  assert.equal(await page.locator(".theirs .text").textContent(), `${attack} javascript:alert(1) <b>`);
  assert.equal(await page.inputValue("#profile"), attack);
  for (const details of await page.locator(".messages .details").all()) await details.click();
  assert.equal(await page.locator("#messages script, #phones script, #side script, img[src=x]").count(), 0);
  assert.equal(await page.evaluate(() => window.hacked), undefined);
  await page.press("body", "Escape");
  await page.click(`.phone[data-number="${ADA}"]`);
});

await promise("a text with a mark for each word is read like any other", async () => {
  const read = await page.evaluate(async () => {
    const { formatted } = await import("/simulator/page/text.js");
    const paragraph = document.createElement("p");
    paragraph.append(...formatted("*a* ".repeat(20_000)));
    return [paragraph.querySelectorAll("strong, b").length, paragraph.textContent.length];
  });
  assert.deepEqual(read, [20_000, 40_000]);
});

await promise("rules and time", async () => {
  const before = Date.parse((await (await fetch(`${url}/simulator`)).json()).now);
  await page.click("text=24 hours");
  await page.waitForFunction((before) => Date.parse(document.getElementById("clock").dateTime) > before + 86_000_000, before);
  const choose = async (rules) => {
    const changed = page.waitForResponse(`${url}/simulator/rules`);
    await page.selectOption("#rules", rules);
    assert.equal((await changed).status(), 204);
  };
  await choose("production");
  const late = await send({ Body: "Is anybody there?" });
  await bubble(late.sid).locator(".failure", { hasText: "63016" }).waitFor();
  await choose("open");
  await isRead((await send({ Body: "Good morning!" })).sid);
  assert.equal(await page.locator(".day").count() > 1, true, "another day has begun");
});

/** Texts whose contrast is less than WCAG's 4.5 to 1. */
const pale = () =>
  page.evaluate(() => {
    const parse = (color) => color.match(/[\d.]+/g).map(Number);
    const over = ([r, g, b, a = 1], [R, G, B]) => [r * a + R * (1 - a), g * a + G * (1 - a), b * a + B * (1 - a)];
    const light = (color) => {
      const [r, g, b] = color.map((part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
      const layers = [];
      for (let at = element; at; at = at.parentElement) layers.unshift(parse(getComputedStyle(at).backgroundColor));
      return layers.reduce((below, layer) => over(layer, below), [255, 255, 255]);
    };
    return [...document.querySelectorAll("body *")]
      .filter((element) => element.checkVisibility() && !element.closest(".hidden, .skip, option, :disabled") && [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()))
      .map((element) => {
        const below = ground(element);
        const [one, two] = [light(over(parse(getComputedStyle(element).color), below)), light(below)].sort((a, b) => b - a);
        return [`${element.tagName}.${element.className} ${element.textContent.slice(0, 30)}`, (one + 0.05) / (two + 0.05)];
      })
      .filter(([, ratio]) => ratio < 4.5);
  });

/** Controls without a name that a screen reader could say. */
const nameless = () =>
  page.evaluate(() =>
    [...document.querySelectorAll("button, input, select, textarea, a[href], audio, video")]
      .filter((control) => control.checkVisibility() && control.tabIndex >= 0 && !/AUDIO|VIDEO/.test(control.tagName))
      .filter((control) => !(control.getAttribute("aria-label") || control.textContent.trim() || control.labels?.length || control.querySelector("img[alt]")))
      .map((control) => control.outerHTML),
  );

for (const colorScheme of ["light", "dark"]) {
  await promise(`contrast and names, ${colorScheme}`, async () => {
    await page.emulateMedia({ colorScheme });
    for (const open of ["#show-faults", ".theirs:has(.failure) .details"]) {
      await page.locator(open).first().click();
      assert.deepEqual(await pale(), []);
      assert.deepEqual(await nameless(), []);
      if (open !== "#show-faults") await screenshot(`5-${colorScheme}`);
      await page.press("body", "Escape");
    }
    const ground = await page.evaluate(() => getComputedStyle(document.body).backgroundColor.match(/\d+/g).map(Number));
    assert.equal(ground[0] < 100, colorScheme === "dark");
  });
}

await promise("narrow screens", async () => {
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 390, height: 844 });
  const fits = () => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
  assert(await fits());
  assert.equal(await page.locator(".phones").isVisible(), false);
  await screenshot("6-narrow-chat");
  await page.click("#show-faults");
  assert(await fits());
  await screenshot("6-narrow-faults");
  await page.press("body", "Escape");
  await page.click("#back");
  assert.equal(await page.locator(".chat").isVisible(), false);
  assert(await fits());
  await screenshot("6-narrow-phones");
  await page.setViewportSize({ width: 1280, height: 800 });
});

await promise("the keyboard is enough", async () => {
  await page.focus("#number");
  await page.keyboard.type("0039 333 765-4321");
  await page.keyboard.press("Enter");
  await page.locator("#person", { hasText: "+39 333 765 4321" }).waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.id), "text");
  await page.keyboard.type("Buongiorno");
  await page.keyboard.press("Shift+Enter");
  await page.keyboard.type("a tutti");
  await page.keyboard.press("Enter");
  assert.equal(await (await mine("Buongiorno")).locator(".text").textContent(), "Buongiorno\na tutti");
  assert.equal(await page.inputValue("#text"), "");
  await page.focus("#number");
  await page.keyboard.type("12");
  await page.keyboard.press("Enter");
  await page.locator(".notice", { hasText: "international form" }).waitFor();
  await page.click(".notice button");
});

await promise("a long conversation stays light", async () => {
  const phone = "+393331111111";
  const numbers = Array.from({ length: 250 }, (_, index) => index);
  for (let at = 0; at < 250; at += 25) await Promise.all(numbers.slice(at, at + 25).map((number) => send({ Body: `Number ${number}` }, phone)));
  await page.click(`.phone[data-number="${phone}"]`);
  await page.waitForFunction(() => document.querySelectorAll(".theirs .is-read").length === 200);
  await page.click("#earlier");
  await page.waitForFunction(() => document.querySelectorAll(".theirs .is-read").length === 250);
  assert.equal(await page.locator("#earlier").isVisible(), false);
  const since = page.waitForResponse((response) => response.url().includes("/simulator/messages"));
  await send({ Body: "One more" }, phone);
  assert.equal((await (await since).json()).whole, false, "only what has changed is asked for");
});

await promise("everything can be forgotten", async () => {
  await page.click("#forget");
  await page.waitForFunction(() => document.querySelectorAll(".bubble").length === 0);
});

await promise("nothing was wrong, and nobody else was asked", async () => {
  assert.deepEqual(problems, []);
  origins.delete("null"); // blob:
  assert.deepEqual([...origins].sort(), [url, app].sort());
});

await promise("a simulator that goes and comes back", async () => {
  await send({ Body: "Before" });
  await page.click(`.phone[data-number="${ADA}"]`);
  await page.locator(".bubble", { hasText: "Before" }).waitFor();
  simulator.kill();
  await once(simulator, "exit");
  await page.locator("#link", { hasText: "The simulator is gone" }).waitFor();
  await startSimulator(new URL(url).host);
  await page.locator('#link[data-link="open"]').waitFor();
  const { sid } = await send({ Body: "After" });
  await isRead(sid);
  assert.equal(await bubbles().count(), 1, "the new simulator knows nothing of the old one's messages");
});

await browser.close();
simulator.kill();
application.close();
console.log(failed === 0 ? "everything that the page promises holds" : `${failed} promises are broken`);
process.exit(failed === 0 ? 0 : 1);
