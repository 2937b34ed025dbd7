utils.setReturnValue({ first: 1 });
utils.setReturnValue(Promise.resolve({ second: 2 }));
