// A copy elsewhere.
utils.executeSql("VACUUM INTO '/tmp/copy.db'");
