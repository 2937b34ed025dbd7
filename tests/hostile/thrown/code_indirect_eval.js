// eval by another name.
return (0, eval)('1');
