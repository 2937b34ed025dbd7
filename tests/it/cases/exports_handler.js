exports.handler = async (context, event, callback) => {
  callback(null, event.Body);
};
