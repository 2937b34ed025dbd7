console.log(echo.name, echo.length, utils.whatsapp.send.length, Object.keys(utils).join());
console.log(echo({ a: 1, b: "x", __proto__: null }), echo([1.5, "è", null]));
return [
  echo(), echo(null), echo(true), echo(1e21), echo("𝄞 \ud800"), echo(12345678901234567890n).toString(),
  typeof echo(() => 1), typeof echo(Symbol("s")), typeof echo(Promise.resolve(1)), echo(new Date(0)), echo(new String("boxed")),
  echo({ toJSON: () => undefined }), echo({ "z": 1, "a": 2, "10": 3 }), Object.keys(echo(JSON.parse('{"__proto__":1}'))),
];
