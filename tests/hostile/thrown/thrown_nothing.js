// What is thrown is no error.
throw undefined;
