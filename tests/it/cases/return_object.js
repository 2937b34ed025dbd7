return { text: "ciao", list: [1, null, undefined], nested: { a: true }, skipped: undefined, when: new Date() };
