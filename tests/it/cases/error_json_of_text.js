return JSON.parse("{'a': 1}");
