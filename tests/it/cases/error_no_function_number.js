const count = 7;
return count();
