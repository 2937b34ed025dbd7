let order;
console.log("one");
order.ship(new Date());
console.log("two");
order.bill();
