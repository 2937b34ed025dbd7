// One call that asks for a gigabyte.
return 'x'.repeat(2 ** 30).length;
