// The console calls no getter.
const o = {
  get x() {
    console.log(o);
    return o.x;
  },
};
console.log(o);
return 'unharmed';
