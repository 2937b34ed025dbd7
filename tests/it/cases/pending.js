setTimeout(() => console.log("never"), 1);
Promise.resolve().then(() => console.log("nor this")).then(() => {});
Promise.reject(new Error("floating"));
return "done";
