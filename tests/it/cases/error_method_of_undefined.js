console.log("one");
const text = vo.text;
JSON.stringify(vo);
const short = text.trim();
console.log(short);
