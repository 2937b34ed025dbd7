// Through a replacement.
const f = () => 'x'.replace('x', f);
return f();
