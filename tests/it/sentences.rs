//! Commands that stand within sentences and tables are typed too, each in a project in which there is something of
//! everything: messages that were read, one in doubt, a notification that was given up, a run that threw.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::instead::is_looked_at;
use crate::pages::pages;
use crate::reader::{Reader, commands};
use crate::readme::project;

const ORDER: &str = r#"'{"orderId":"A-1","customer":"Ada","phone":"+393331234567","totalCents":4890}'"#;
/// Commands that pages also write without the program's name before them.
const GROUPS: &[&str] = &["messages", "notifications", "runs", "accounts", "opt-outs"];

/// A project whose data folder is kept beside it as `kept`, with ids of what is in there.
fn world() -> Reader {
    let folder = project();
    folder.write("scripts/demo/greet.js", "return utils.whatsapp.send({ to: vo.to, body: 'Ciao' }).status");
    folder.write("scripts/demo/fails.js", "throw new Error('on purpose')");
    let mut reader = Reader::beside_a_host(folder);
    assert!(reader.types(&format!("boatswain run demo/confirmOrder --vo {ORDER}")).succeeded);
    assert!(!reader.types("boatswain run demo/fails").succeeded);
    let read = "boatswain messages list --app demo --status read --json";
    let messages = loop {
        let text = reader.types(read).text;
        let messages: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        if messages.len() == 2 {
            break messages;
        }
    };
    reader.stops();
    let [doubtful, known] = messages.as_slice() else { panic!("{messages:?}") };
    let db = rusqlite::Connection::open(reader.folder.path("data/host.db")).unwrap();
    db.execute_batch(&format!(
        "UPDATE messages SET sid = NULL, status = 'unknown', error_code = 'SEND_IN_DOUBT' WHERE sid = '{}';
         UPDATE notifications SET state = 'dead' WHERE id = (SELECT max(id) FROM notifications);",
        doubtful["sid"].as_str().unwrap()
    ))
    .unwrap();
    let number = |sql: &str| db.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let dead = number("SELECT id FROM notifications WHERE state = 'dead'");
    let thrown = number("SELECT id FROM runs WHERE reason = 'thrown'");
    drop(db);
    let id = doubtful["id"].as_str().unwrap();
    for (written, here) in [
        ("messages show ID", format!("messages show {id}")),
        ("messages settle ID", format!("messages settle {id}")),
        ("--sent SID", format!("--sent SM{}", "0".repeat(32))),
        ("trace SID", format!("trace {}", known["sid"].as_str().unwrap())),
        ("runs show ID", format!("runs show {thrown}")),
        ("notifications replay ID", format!("notifications replay {dead}")),
        ("explain CODE", "explain 63016".to_owned()),
        ("--reason TEXT", "--reason trouble".to_owned()),
        ("[--company ID]", "--company ACME".to_owned()),
        ("[--csv]", "--csv".to_owned()),
        ("--data DIR", "--data kept".to_owned()),
        ("APP", "demo".to_owned()),
        ("run …", format!("run demo/confirmOrder --vo {ORDER}")),
        ("<appId>/<actionId>", "demo/confirmOrder".to_owned()),
        ("shop/shipped", "demo/confirmOrder".to_owned()),
        ("<appId>", "demo".to_owned()),
        ("shop/greet", "demo/greet".to_owned()),
        ("'{…}'", ORDER.to_owned()),
        ("…", String::new()),
    ] {
        reader.means(written, here);
    }
    assert!(reader.types("cp -a data kept").succeeded);
    reader
}

/// Whether a command needs more than its name: then its name alone is how a page speaks of it.
fn is_a_name(reader: &mut Reader, command: &str) -> bool {
    let is_alone =
        command.split(' ').skip(1).all(|word| word.bytes().all(|c| c.is_ascii_lowercase() || c == b'-'))
            && !command.contains(" -");
    is_alone && {
        let help = reader.types(&format!("{command} --help")).text;
        let usage = help
            .lines()
            .find(|line| line.starts_with("Usage: "))
            .unwrap_or_else(|| panic!("{command}: {help}"));
        usage.contains('<')
    }
}

#[test]
fn every_command_within_a_sentence_works() {
    let mut reader = world();
    let mut known: BTreeSet<String> = BTreeSet::new();
    for page in pages() {
        // Those that stand on lines of their own are typed where they stand.
        known.extend(
            page.texts("sh")
                .iter()
                .flat_map(|block| commands(block))
                .map(|(line, _)| line.split(" #").next().unwrap().trim().to_owned()),
        );
    }
    let (mut typed, mut looked_at) = (0, 0);
    for page in pages() {
        for span in page.spans() {
            let mut words = span.split(' ');
            let (first, second) = (words.next().unwrap(), words.next().unwrap_or_default());
            let command = if GROUPS.contains(&first) && second.starts_with(|c: char| c.is_ascii_lowercase()) {
                format!("boatswain {span}")
            } else if first.starts_with("kill_loop.py")
                || first.starts_with("power_cut.py")
                || first.starts_with("disk_full.py")
            {
                format!("python3 tests/durability/{span}")
            } else {
                span.clone()
            };
            if is_looked_at(&command, &page.name) {
                looked_at += 1;
                continue;
            }
            let is_command = command.starts_with("boatswain ") || command.starts_with("sqlite3 data/");
            if !is_command || !known.insert(command.clone()) || is_a_name(&mut reader, &command) {
                continue;
            }
            assert!(reader.types("rm -rf data; cp -a kept data").succeeded);
            let said = reader.types(&command);
            assert!(said.succeeded, "{}: {command}\n{}", page.name, said.text);
            typed += 1;
        }
    }
    assert!(typed > 25 && looked_at > 20, "{typed} typed, {looked_at} looked at");
}
