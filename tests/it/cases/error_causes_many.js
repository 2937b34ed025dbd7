let error = new Error("0");
for (let n = 1; n < 100; n++) error = new Error(String(n), { cause: error });
throw error;
