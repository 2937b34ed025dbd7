// Nobody waits for them: the first fails the run, the others are told.
async function load(id) {
  if (!id) throw new Error("no id");
}
load(vo.orderId);
load();
Promise.reject(new Error("handled")).catch(() => {});
return "done";
