// The host's own marks.
return utils.executeQuery('SELECT * FROM _host_done');
