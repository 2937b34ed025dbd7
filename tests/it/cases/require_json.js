const prices = require("./lib/prices.json");
console.log(prices, prices === require("./lib/prices"), require("./lib/pricing").prices === prices);
prices.coffee = 0;
console.log(require("./lib/prices.json").coffee, Object.keys(prices.__proto__), Object.hasOwn(prices, "__proto__"));
console.log(require("./lib/list.json"), require("./lib/null.json"), require("./lib/both"), require("./lib/both.json"));
const fails = (path) => { try { require(path); } catch (error) { console.log(error.name, error.message, error.code); } };
fails("../secret.json"); fails("/etc/x.json"); fails("./lib/pricse.json"); fails("./lib/large.json");
require("./lib/broken.json");
