const order = {
  get total() {
    return this.lines.length;
  },
};
console.log(order.total);
