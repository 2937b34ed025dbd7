// A getter that calls the host while the host is called.
return utils.whatsapp.send({
  get to() {
    return utils.executeQuery('SELECT 1 AS x');
  },
});
