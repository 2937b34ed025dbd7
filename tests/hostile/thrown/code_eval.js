// eval.
return eval('1');
