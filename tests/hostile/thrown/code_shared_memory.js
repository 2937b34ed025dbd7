// What threads share.
return new SharedArrayBuffer(8);
