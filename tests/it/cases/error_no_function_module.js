const money = require("./lib/money");
return money.eur(5);
