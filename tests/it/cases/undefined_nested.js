const lines = [1, 2];
// totl in a comment, "totl" in a string
function sum(list) {
  let total = 0;
  for (const line of list) {
    total += line;
  }
  return totl;
}
return sum(lines);
