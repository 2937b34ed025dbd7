const url = new URL("https://example.com:8443/a/b?x=1#frag");
const bytes = new TextEncoder().encode("è");
const original = { when: new Date(0), list: [new Map([[1, { a: 2 }]])] };
const copy = structuredClone(original);
return [url.host, url.pathname, url.hash, [...bytes], new TextDecoder().decode(bytes), btoa("ciao"), atob("Y2lhbw=="),
  copy.when.getTime(), copy.list[0].get(1).a, copy !== original];
