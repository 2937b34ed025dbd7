// A name that was not declared.
left = 1;
