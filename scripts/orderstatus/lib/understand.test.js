// What the shop's customers really write.

const { understand, orderNumbers } = require("./understand");

test("an order number is found in a sentence, with and without its mark", () => {
  for (const text of [
    "where is my order 4711?", "#4711", "# 4711", "4711", "4711.", "(4711)", "Ordine n° 4711", "ORDER NO.4711!",
    "order:4711", "４７１１", "4711\n", "4711 e basta",
  ]) {
    assert.deepEqual(orderNumbers(text.normalize("NFKD")), ["4711"], text);
  }
});

test("several numbers are several orders, each of them once", () => {
  assert.deepEqual(orderNumbers("#12, #4711 and 4711"), ["12", "4711"]);
});

test("what is a part of something else is no order number", () => {
  for (const text of [
    "+39 333 1234567", "0039 333 1234567", "48.90", "1,234.50", "5000 €", "€5000", "12.12.2026", "2026-12-12", "12",
    "123456789",
  ]) {
    assert.deepEqual(orderNumbers(text), [], text);
  }
});

test("case, accents and white space do not count", () => {
  for (const text of [
    "Dov'è il mio pacco?", "DOVE E' IL MIO  PACCO", "dov\u2019e\u0300 l\u2019ordine", "Quando arriverà?", "È spedito?",
  ]) {
    assert.equal(understand(text).intent, "orders", text);
  }
});

test("each intent has its words", () => {
  const meant = {
    agent: ["agent", "I want to talk to a HUMAN", "parlare con un operatore", "Is there somebody?"],
    help: ["help", "Aiuto!", "?", "Ciao", "hello there"],
    bot: ["bot", "Back."],
    stop: ["STOP", "stop.", "Unsubscribe"],
    orders: ["where is my order", "stato", "tracking?", "has it been delivered"],
    unknown: ["thanks", "", "👍", "do not stop now", "12"],
  };
  for (const [intent, texts] of Object.entries(meant)) {
    for (const text of texts) assert.equal(understand(text).intent, intent, text);
  }
});

test("a place in a list is a number by itself", () => {
  assert.equal(understand("2").choice, 1);
  assert.equal(understand(" 2.) ").choice, 1);
  assert.equal(understand("2 orders").choice, null);
  assert.equal(understand("4711").choice, null);
});
