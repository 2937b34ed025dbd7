// The same through setReturnValue.
utils.setReturnValue('x'.repeat(100_000));
