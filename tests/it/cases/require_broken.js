const ok = 1;
require("./lib/broken");
