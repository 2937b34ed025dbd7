// Another JSON.stringify.
JSON.stringify = () => 'x';
