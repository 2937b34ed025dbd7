const load = (id) => {
	const order = await find(id);
	return order;
};
return load(1);
