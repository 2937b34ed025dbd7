throw new Error("on the first line")
