function outer() {
  inner({});
}
function inner(order) {
  return order.customer.name;
}
outer();
