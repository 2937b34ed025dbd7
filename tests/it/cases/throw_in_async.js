async function load(id) {
  await null;
  throw new Error(`no order ${id}`);
}
async function main() {
  await load(7);
}
await main();
