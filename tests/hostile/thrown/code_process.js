// What other engines have.
return process.env.SECRET;
