// new Function.
return new Function('return 1')();
