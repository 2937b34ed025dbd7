const broken = require("./lib/typo");
return broken.total([1, 2]);
