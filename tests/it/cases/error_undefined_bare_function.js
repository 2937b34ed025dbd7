setReturnValue(7);
