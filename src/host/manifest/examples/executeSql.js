const changed = utils.executeSql(
  "UPDATE orders SET state = ? WHERE order_id = ?",
  null, // the application's own database
  false, // in the run's transaction
  true, // an SQL error throws
  "packed", "A-7",
);
return changed === 1 ? "packed" : "there is no such order";
