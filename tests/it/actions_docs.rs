//! docs/actions.md keeps its word: its pieces of actions run, and what it says of an incoming message is what there is.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::bench::{Bench, value};
use crate::pages::{Page, project_file};
use crate::types::members;

const SCHEMA: &str = "
  utils.executeSql(`CREATE TABLE orders (order_id TEXT PRIMARY KEY, state TEXT, sid TEXT)`);
  utils.executeSql(`CREATE TABLE questions (sid TEXT, person TEXT, text TEXT)`);
  utils.executeSql(`CREATE TABLE pictures (sid TEXT, file TEXT, type TEXT, size INTEGER)`);
  utils.executeSql(`CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, city TEXT, seen TEXT)`);
";
/// What a part of an action goes without.
const BEFORE: &str = "const orderId = 'A-8', to = '+393331234567', body = 'Ciao';\n";

#[test]
fn its_pieces_of_actions_run() {
    let pieces = Page::read("docs/actions.md").texts("js");
    let whole =
        |piece: &String| format!("{}{piece}", if piece.contains("{ orderId }") { "" } else { BEFORE });
    let orders = project_file("scripts/demo/lib/orders.js");
    let mut actions = vec![("schema".to_owned(), SCHEMA.to_owned()), ("lib/orders".to_owned(), orders)];
    actions.extend(pieces.iter().enumerate().map(|(number, piece)| (format!("piece{number}"), whole(piece))));
    let actions: Vec<_> = actions.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let bench = Bench::new(&actions);
    value(&bench.run("schema", json!({})));
    // What saves a medium is `saved_media.rs`: here none came.
    let vo =
        json!({ "orderId": "A-7", "MessageSid": "SM1", "Body": "menu", "profileName": null, "media": [] });
    let told: Vec<_> =
        (0..pieces.len()).map(|number| value(&bench.run(&format!("piece{number}"), vo.clone()))).collect();
    bench.stop();
    let menu = json!({ "body": "Today:", "mediaUrl": "http://127.0.0.1:9/some/where/public/app/menu.png" });
    let saved = json!("We have got it.");
    let [unknown, Value::Null, Value::Null, menu_told, saved_told, Value::Null, Value::Null, Value::Null] =
        told.as_slice()
    else {
        panic!("{told:#?}")
    };
    assert_eq!((unknown, menu_told, saved_told), (&json!("unknown order"), &menu, &saved));
}

#[test]
fn what_it_says_of_an_incoming_message_is_what_the_types_say() {
    let shown = Page::read("docs/actions.md").texts("ts").concat();
    let members_of = members("IncomingMessage");
    let names = shown.lines().filter_map(|line| line.strip_prefix("  ")?.split_once(':'));
    let names: BTreeSet<_> =
        names.map(|(name, _)| name.to_owned()).filter(|name| !name.starts_with('[')).collect();
    assert!(names.len() == 6 && names.is_subset(&members_of), "{names:?} in {members_of:?}");
}
