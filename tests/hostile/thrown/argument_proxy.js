// A proxy as parameters.
return utils.executeQuery('SELECT ? AS x', null, new Proxy({}, {}));
