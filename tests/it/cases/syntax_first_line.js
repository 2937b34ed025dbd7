const a = = 1;
