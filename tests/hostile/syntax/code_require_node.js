// A module of Node.js.
return require('fs').readFileSync('/etc/passwd');
