// While splitting.
return ('a'.repeat(40) + '!').split(/(a|a?)+b/).length;
