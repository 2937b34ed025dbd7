// Two at once.
utils.executeSql('DELETE FROM effects; DROP TABLE effects');
