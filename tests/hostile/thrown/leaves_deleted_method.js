// One method less.
delete Array.prototype.map;
