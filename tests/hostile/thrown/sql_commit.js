// The host's transaction.
utils.executeSql('COMMIT');
