//! docs/javascript.md keeps its word: its snippets are run, and its list of globals is that of the engine.

use boatswain::script::Worker;
use boatswain::script::protocol::Returned;

use crate::snippets::check;
use crate::support::{command, run_in, start};

const PAGE: &str = include_str!("../../docs/javascript.md");

#[test]
fn every_snippet_says_what_stands_below_it() {
    let files = [
        ("lib/prices.json", r#"{ "espresso": 120, "cornetto": 150 }"#),
        ("lib/money.js", "exports.euro = (cents) => `${(cents / 100).toFixed(2)} €`;"),
    ];
    let snippets = check("docs/javascript.md", PAGE, &files);
    assert!(snippets >= 12, "{snippets}");
}

#[test]
fn it_names_every_global() {
    let action = "return Object.getOwnPropertyNames(globalThis).filter((name) => name !== 'echo')";
    let mut worker = Worker::spawn(&command(), &start(&[("x.js", action)])).expect("a worker");
    let Ok(Returned::Json(names)) = run_in(&mut worker, 1, "x").ended.expect("alive").result else {
        panic!("no list")
    };
    let names: Vec<String> = serde_json::from_str(&names).expect("a list");
    let words: Vec<&str> = PAGE.split(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '$')).collect();
    let missing: Vec<_> = names.iter().filter(|name| !words.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "docs/javascript.md does not name {missing:?}");
}
