// A mark on require.
require.left = 1;
