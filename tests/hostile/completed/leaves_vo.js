// Marks on what it was given.
vo.polluted = 1;
reqParams.left = 1;
userInfo.left = 1;
return 'unharmed';
