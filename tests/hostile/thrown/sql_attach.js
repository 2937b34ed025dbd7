// Another database.
utils.executeSql("ATTACH 'host.db' AS host");
