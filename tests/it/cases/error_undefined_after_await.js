async function load(id) {
  const name = await Promise.resolve("Ada");
  await null;
  return nam + id;
}
return await load(7);
