return require("./lib/counter")();
