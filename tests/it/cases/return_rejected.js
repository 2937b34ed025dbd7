return Promise.reject(new RangeError("later"));
