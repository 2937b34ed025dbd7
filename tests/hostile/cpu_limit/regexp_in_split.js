// While splitting.
// limits: wall_ms = 60000
return ('a'.repeat(40) + '!').split(/(a|a?)+b/).length;
