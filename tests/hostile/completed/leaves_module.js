// A module that was changed.
require('./lib/counter').next = () => 99;
return 'unharmed';
