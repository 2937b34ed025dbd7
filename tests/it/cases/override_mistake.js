const dictionary = {};
for (const name of ["constructor", "toString", "valueOf", "hasOwnProperty", "isPrototypeOf", "name", "message"]) {
  dictionary[name] = name;
}
function Shape() {}
Shape.prototype = Object.create(Object.prototype);
Shape.prototype.constructor = Shape;
Shape.prototype.toString = function () { return "a shape"; };
class Stack extends Array {}
const stack = new Stack();
stack.toString = () => "a stack";
const date = new Date(0);
date.toString = () => "a date";
const error = new TypeError("x");
error.message = "changed";
error.name = "Changed";
const fn = () => {};
fn.toString = () => "a function";
fn.call = 1;
Object.assign({}, dictionary);
return [dictionary, String(new Shape()), String(stack), String(date), String(error), String(fn), fn.call,
  Object.keys(dictionary).length, { ...dictionary }.toString, new Shape().constructor === Shape];
