// What the action itself has met comes first, and once.
Promise.reject(new Error("floating"));
utils.setReturnValue(Promise.reject(new Error("chosen")));
