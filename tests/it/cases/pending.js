setTimeout(() => console.log("never"), 1);
Promise.resolve().then(() => console.log("nor this")).then(() => {});
return "done";
