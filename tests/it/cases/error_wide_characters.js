	const name = "漢字"; return name.missing.length;
