const { euro } = require("./lib/money");
const counter = require("./lib/counter.js");
return [
  euro(1234), require("./lib/deep"), require("./lib/a"),
  counter(), counter(), require("./lib/counter")() , require("./lib/money").euro === euro,
  require("./lib/scope")(),
];
