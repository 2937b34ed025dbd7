const all = (params) => [...params].map((pair) => pair.join("=")).join("&");
const say = (name, value) => console.log(name, value);
const fails = (f) => { try { f(); return "no error"; } catch (error) { return `${error.name}: ${error.message}`; } };

say("nothing", [new URLSearchParams().toString(), new URLSearchParams(undefined).size, new URLSearchParams("").size]);
say("string", all(new URLSearchParams("?a=1&b=2&a=%C3%A8+%20&&c&=d&e=f=g&%zz=%")));
say("record", all(new URLSearchParams({ to: "+39 333", "a b": 1, c: null, d: undefined, 2: true })));
say("pairs", all(new URLSearchParams([["a", 1], ["a", 2], new Set(["x", "y"])])));
say("map", all(new URLSearchParams(new Map([["k", "v"]]))));
say("generator", all(new URLSearchParams((function* () { yield ["g", 1]; })())));
say("another", all(new URLSearchParams(new URLSearchParams("x=1&y=2"))));
say("bad pairs", [fails(() => new URLSearchParams([["a"]])), fails(() => new URLSearchParams(["ab"])),
  fails(() => new URLSearchParams([["a", "b", "c"]])), fails(() => URLSearchParams("a=1")),
  fails(() => URLSearchParams.prototype.get.call({}, "a")), fails(() => new URLSearchParams().append("a")),
  fails(() => new URLSearchParams([[Symbol(), 1]]))]);

const p = new URLSearchParams("a=1&b=2&a=3&c=4");
p.append("d", "è&=+ ~*-._'!()\u{1f600}\ud800");
say("text", String(p));
say("get", [p.get("a"), p.get("zz"), p.getAll("a"), p.getAll("zz"), p.has("a"), p.has("a", 3), p.has("a", "9"), p.has("a", undefined)]);
p.set("a", "x"); p.set("new", "y");
say("set", all(p));
p.delete("b"); p.append("c", 5); p.delete("c", 4); p.delete("a", undefined);
say("delete", [all(p), p.size]);
const sorted = new URLSearchParams("z=1&\uffff=2&\u{1f600}=3&a=4&z=0&a=5");
sorted.sort();
say("sort", all(sorted));

const each = [];
new URLSearchParams("a=1&b=2").forEach(function (value, name, params) { each.push(name, value, params.size, this.me); }, { me: "this" });
say("forEach", each);
const live = new URLSearchParams("a=1&b=2&c=3&d=4");
for (const [name] of live) live.delete(name);
say("live", all(live));
const steps = new URLSearchParams("a=1");
const keys = steps.keys();
say("iterator", [keys.next(), keys.next(), [...steps.values()], Object.prototype.toString.call(keys), keys[Symbol.iterator]() === keys,
  steps[Symbol.iterator] === steps.entries, fails(() => keys.next.call({}))]);
say("map of it", Object.fromEntries(new URLSearchParams("a=1&b=2")));
say("shown", [new URLSearchParams("a=1&b=it's"), new URLSearchParams()]);
say("kind", [Object.prototype.toString.call(steps), Object.keys(steps), typeof URLSearchParams, URLSearchParams.length]);
class Mine extends URLSearchParams { first() { return this.get("a"); } }
say("subclass", [new Mine("a=7").first(), new Mine("a=7") instanceof URLSearchParams]);

const url = new URL("https://example.com/x?a=1&b=a%20b#f");
const params = url.searchParams;
say("same", [url.searchParams === params, params.get("b")]);
params.append("c", "d e"); params.delete("a");
say("url follows", url.href);
url.search = "?q=%20+x&r";
say("list follows search", all(params));
url.href = "https://other.example/?z=9";
say("list follows href", [all(params), url.searchParams === params]);
params.delete("z");
say("empty", [url.href, url.search]);
params.append("", "");
say("one empty", [url.href, params.size]);
url.hash = "x"; url.pathname = "/a b"; url.port = "8443"; url.protocol = "http"; url.username = "u"; url.password = "p:w"; url.hostname = "xn--e1afmkfd.example";
say("components", url.href);
url.host = "h.example:1"; url.port = "99999"; url.search = "";
say("unsound ones stay", [url.href, params.size, url.origin, url.host]);
say("canParse", [URL.canParse("https://a.example"), URL.canParse("/x"), URL.canParse("/x", "https://a.example"), URL.canParse("/x", "nonsense"), fails(() => URL.canParse())]);
say("parse", [URL.parse("/x?y=1", "https://a.example/z").href, URL.parse("nonsense")]);
say("relative", [new URL("../c?d", "https://a.example/x/y/z").href, new URL("#f", "mailto:a@b.example").href, new URL("//b.example", "https://a.example").href]);
say("errors", [fails(() => new URL("/x")), fails(() => new URL("http://[::1")), fails(() => URL("https://a.example")), fails(() => { url.href = "x"; }), fails(() => new URL())]);
say("json", JSON.stringify({ url: new URL("HTTPS://A.example:443/%7Ex/../é") }));
say("shown url", new URL("https://u:p@a.example:8443/p?x=1#h"));
say("brand", [fails(() => Object.getOwnPropertyDescriptor(URL.prototype, "href").get.call({})), Object.prototype.toString.call(url)]);
say("frozen", [fails(() => { URL.prototype.x = 1; }), fails(() => { URLSearchParams.prototype.get = 1; }), Object.isFrozen(Object.getPrototypeOf(keys))]);
