// After `require_json`, which has changed it.
return require("./lib/prices.json").coffee;
