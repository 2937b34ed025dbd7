// In a module that an action requires.
require('./lib/spins');
