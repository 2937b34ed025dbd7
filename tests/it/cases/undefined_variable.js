const total = 1;

return total + totl;
