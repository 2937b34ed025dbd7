// Through a property.
const o = {
  get x() {
    return o.x;
  },
};
return o.x;
