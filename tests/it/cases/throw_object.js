throw { status: 404, list: [1] };
