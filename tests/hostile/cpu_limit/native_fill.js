// A fill of 2³² places.
return new Array(2 ** 32 - 1).fill(0).length;
