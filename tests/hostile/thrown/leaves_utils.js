// Another host function.
utils.executeQuery = () => '[]';
