utils.log("order A-7 has no address", "warn");
