// A file outside the application.
return require('../neighbour/witness');
