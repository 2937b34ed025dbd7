// A statement that ends the transaction that runs share.
utils.executeSql("INSERT INTO effects(sid) VALUES ('once')");
utils.executeSql("INSERT OR ROLLBACK INTO effects(sid) VALUES ('once')");
