utils.log(“ciao”);
