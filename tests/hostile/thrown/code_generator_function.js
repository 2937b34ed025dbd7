// The constructor of generators.
return (function* () {}).constructor('yield 1')().next();
