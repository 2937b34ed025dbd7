let a = 1;
  counter = a + 1;
