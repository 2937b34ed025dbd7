const totals = [1, 2].map((line) => line * pric);
return totals;
