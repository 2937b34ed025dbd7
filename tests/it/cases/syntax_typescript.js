function total(lines: number[]) {
  return lines.length;
}
return total([]);
