require("./lib/throws").go();
