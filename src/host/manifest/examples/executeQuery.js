const rows = JSON.parse(utils.executeQuery("SELECT order_id, state FROM orders WHERE customer = ?", null, "Ada"));
return rows.map((row) => `${row.order_id} is ${row.state}`);
