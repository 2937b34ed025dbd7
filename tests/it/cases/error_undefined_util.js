util.log("x");
