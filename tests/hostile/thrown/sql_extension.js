// A library.
return utils.executeQuery("SELECT load_extension('libc.so.6')");
