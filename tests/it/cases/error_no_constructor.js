const order = { id: 7 };
return new order.Line();
