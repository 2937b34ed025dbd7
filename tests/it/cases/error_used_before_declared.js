console.log("total");
console.log(total);
const total = 1;
