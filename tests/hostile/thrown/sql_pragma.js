// A pragma.
return utils.executeQuery('PRAGMA journal_mode = DELETE');
