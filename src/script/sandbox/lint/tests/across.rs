//! What is told of a promise of another file's function.

use super::*;

/// What `lib/orders.js` exports in async functions, with whether they await.
fn exported(module: &str) -> Vec<(String, bool)> {
    let file = SourceFile { path: "lib/orders.js".into(), shown: "x".into(), text: Ok(module.into()) };
    let linted = linter().lint(&file, &Role::Module, &[]);
    let mut exports: Vec<_> =
        linted.asynchronous.into_iter().map(|export| (export.name, export.waits)).collect();
    exports.sort();
    exports
}

#[test]
fn async_exports_are_found_however_they_are_written() {
    let one = |name: &str, waits| vec![(name.to_owned(), waits)];
    for (module, wanted) in [
        ("exports.load = async () => 1", one("load", false)),
        ("exports['load'] = async function () { await null }", one("load", true)),
        ("module.exports.load = async () => { await null }", one("load", true)),
        ("async function load() { await null } exports.load = load", one("load", true)),
        ("const find = async () => 1; module.exports = { load: find, x: 1, y() {} }", one("load", false)),
        ("async function load() {} module.exports = { load }", one("load", false)),
        ("module.exports = { async load() { await null }, get x() { return 1 } }", one("load", true)),
        ("module.exports = async (id) => { await id }", one("", true)),
        ("module.exports = load; async function load() {}", one("", false)),
        // What is none, or may be another.
        ("exports.load = () => 1; module.exports.save = function () {}", vec![]),
        ("exports.load = async () => 1; exports.load = () => 1", vec![]),
        ("exports.load = () => 1; exports.load = async () => 1", vec![]),
        ("let load = async () => 1; load = () => 1; exports.load = load", vec![]),
        ("const other = {}; other.load = async () => 1; module.exports = other", vec![]),
        ("if (vo.x) exports.load = async () => 1", vec![]),
        ("module.exports = { ...{ load: async () => 1 } }", vec![]),
        ("const exported = require('./deep'); module.exports = exported", vec![]),
    ] {
        assert_eq!(exported(module), wanted, "{module}");
    }
}

/// What is told of an action beside a module with `load` and `save`, which awaits, and one that is an async function.
fn told(action: &str) -> Vec<String> {
    let linter = linter();
    let export = |name: &str, waits| AsyncExport { name: name.to_owned(), waits };
    let imports = [
        Imported { path: "lib/orders.js".into(), exports: vec![export("load", false), export("save", true)] },
        Imported { path: "util.js".into(), exports: vec![export("", true)] },
    ];
    let file = SourceFile { path: "x.js".into(), shown: "x.js".into(), text: Ok(action.into()) };
    let linted = linter.lint(&file, &ACTION, &imports);
    linted.findings.iter().map(|found| format!("{}:{} {}", found.line, found.column, found.message)).collect()
}

#[test]
fn a_promise_of_another_files_function_is_told_where_it_is_taken_for_its_value() {
    for (action, wanted) in [
        (
            "const orders = require('./lib/orders');\nconst order = orders.load(7);\nreturn order.total;",
            "3:14 `order` is a promise, because `orders.load` is async, so it has no `total`",
        ),
        (
            "const { load } = require('./lib/orders');\nreturn load(7).total;",
            "2:16 `load(…)` is a promise, because `load` is async, so it has no `total`",
        ),
        (
            "const { load: find } = require('./lib/orders.js');\nif (find(7)) return 1;",
            "2:5 `find(…)` is a promise, because `find` is async, so it always counts as true",
        ),
        (
            "var find = require('./lib/orders').load;\nreturn `${find(7)}`;",
            "2:11 `find(…)` is a promise, because `find` is async, so `[object Promise]` stands in the text",
        ),
        (
            "const { total } = require('./lib/orders').load(7);\nreturn total;",
            "1:19 `load(…)` is a promise, because `load` is async, so it has no `total`",
        ),
        (
            "let find = require('./util');\nconst order = find(7);\nreturn order.total;",
            "3:14 `order` is a promise, because `find` is async, so it has no `total`",
        ),
        ("const orders = require('./lib/orders');\norders.save(7);", "2:1 nobody waits for `orders.save()`"),
        (
            "const { save } = require('./lib/orders');\nsave(7).catch((e) => utils.log(e));\nreturn 'done';",
            "2:1 nobody waits for `save()`",
        ),
        (
            "const orders = require('./lib/orders');\nconst { log } = console, find = orders.load;\nreturn find(7).total;",
            "3:16 `find(…)` is a promise, because `find` is async, so it has no `total`",
        ),
        ("require('./util')(7);", "1:1 nobody waits for `require(…)()`"),
        (
            "const { save } = require('./lib/orders');\n[1].forEach(save);",
            "2:5 forEach waits for no async callback",
        ),
    ] {
        let told = told(action);
        assert!(matches!(told.as_slice(), [one] if one.starts_with(wanted)), "{action}\n{told:#?}");
    }
}

#[test]
fn nothing_is_told_where_somebody_waits_or_may_wait() {
    for action in [
        "const orders = require('./lib/orders');\nconst order = await orders.load(7);\nreturn order.total;",
        "const orders = require('./lib/orders');\nconst order = orders.load(7);\nreturn order;",
        "const orders = require('./lib/orders');\nconst order = orders.load(7);\nreturn order.then((o) => o.total);",
        "const { save } = require('./lib/orders');\nawait Promise.all([1].map(save));",
        "const { save } = require('./lib/orders');\nreturn save(7);",
        "const { load } = require('./lib/orders');\nload(7);", // it does all of it at once
        "const { sum } = require('./lib/orders');\nreturn sum(7).total;",
        "let orders = require('./lib/orders');\norders = { load: () => 1 };\nreturn orders.load(7).total;",
        "let { load } = require('./lib/orders');\nload = () => ({});\nreturn load(7).total;",
        "const orders = require('./lib/deep');\nreturn orders.load(7).total;",
        "const { load = () => 1 } = require('./lib/orders');\nreturn load(7).total;",
        "function f(load) { return load(7).total }\nconst { load } = require('./lib/orders');\nreturn f((x) => x);",
        "const require = () => ({});\nreturn require('./lib/orders').load(7).total;",
    ] {
        assert_eq!(told(action), Vec::<String>::new(), "{action}");
    }
}
