function total(lines) {
  let sum = 0;
  for (const line of lines) {
    if (line.paid) {
      sum += line.amount;
  }
  return sum;
}
return total([]);
