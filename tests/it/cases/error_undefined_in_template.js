const order = { id: 7 };
console.log("before");
return `order ${order.id} of ${custmer}`;
