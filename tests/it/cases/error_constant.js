const total = 1;
total = 2;
