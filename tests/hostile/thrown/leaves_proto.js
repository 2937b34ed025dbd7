// The same through __proto__.
({}).__proto__.polluted = 1;
