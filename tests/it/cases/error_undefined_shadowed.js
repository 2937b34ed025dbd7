const rows = [1, 2];
const sum = rows.reduce((total, row) => total + row, 0);
return sum + row;
