// The constructor of async functions.
return (async () => {}).constructor('return 1')();
