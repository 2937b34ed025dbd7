//! The README keeps its word: its commands run, its files work, its table has every command.

use std::path::Path;
use std::process::Command;

use crate::host::{BINARY, Folder};
use crate::reader::Reader;
use crate::testing_docs::{blocks, copy};

fn readme() -> String {
    std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap()
}

/// The project as a user has it, on ports of its own.
pub fn project() -> Folder {
    let folder = Folder { root: tempfile::tempdir().unwrap() };
    for name in ["app-params.toml", "scripts", "public"] {
        copy(&folder, name);
    }
    let shipped = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    let ports = shipped
        .replace("listen = \"127.0.0.1:8080\"", "listen = \"127.0.0.1:0\"")
        .replace("listen = \"127.0.0.1:8081\"", "listen = \"127.0.0.1:0\"")
        .replace("public_url = \"http://127.0.0.1:8080\"", "");
    folder.write("app-params.toml", &ports);
    folder
}

/// The one block that has this in it.
fn block<'a>(readme: &'a str, language: &str, part: &str) -> &'a str {
    let all = blocks(readme, language);
    let with: Vec<_> = all.iter().filter(|block| block.contains(part)).collect();
    assert_eq!(with.len(), 1, "{part}");
    with[0]
}

/// The project without the examples beside the demo, whose tests `testing.rs` runs: they take long.
fn demo_of_the_project() -> Folder {
    let folder = project();
    for app in ["otp", "orderstatus", "broadcast"] {
        std::fs::remove_dir_all(folder.path(&format!("scripts/{app}"))).unwrap();
    }
    let params = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    let (own, _) = params.split_once("\n# ── Examples ─").unwrap();
    folder.write("app-params.toml", own);
    folder
}

#[test]
fn every_command_that_is_shown_works() {
    let readme = readme();
    let folder = demo_of_the_project();
    let host = folder.serve();
    folder.write("scripts/demo/greet.js", block(&readme, "js", "const { to, name = \"friend\" } = vo;"));
    folder.write("scripts/demo/greet.test.js", block(&readme, "js", "test(\"somebody is greeted\""));
    host.wait_for("greet.js"); // it is taken over
    let mut reader = Reader::new(folder);
    reader.host = Some(host);
    assert_eq!(reader.follow("README.md").1, 9, "commands of the README");
    let listed = reader.folder.boatswain(&["messages", "list", "--json"]);
    assert_eq!(String::from_utf8(listed.stdout).unwrap().lines().count(), 1);
    reader.stops();
}

/// Moments, ids, ports and widths are others each time; which of two messages is ahead, too.
#[test]
fn the_demo_says_what_is_shown() {
    let output = Command::new(BINARY).arg("demo").output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let plain = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with(['─', '═']));
        let is_id = |word: &str| word.len() >= 10 && (word.starts_with("SM") || word.starts_with("MM"));
        let plain = |line: &str| {
            let line = line.split_once(" ms  ").map_or(line, |(_, line)| line);
            let line = line.split(": the ").next().unwrap(); // of text or picture: how far it is
            let line = line.split("\"sid\":").next().unwrap();
            let words = line.split_whitespace().map(|word| {
                let word = word.trim_end_matches(['/', '.']);
                if is_id(word) {
                    "SID"
                } else if word.starts_with("http://127.0.0.1:") {
                    "URL"
                } else {
                    word
                }
            });
            let line = words.collect::<Vec<_>>().join(" ");
            if line.starts_with("Everything arrived") { "Everything arrived".to_owned() } else { line }
        };
        let mut lines: Vec<_> = lines.map(plain).collect();
        lines.sort();
        lines
    };
    let readme = readme();
    let shown = blocks(&readme, "text");
    let told = plain(&String::from_utf8(output.stdout).unwrap());
    let missing: Vec<_> = plain(shown[0]).into_iter().filter(|line| !told.contains(line)).collect();
    assert!(shown[0].lines().count() > 30 && missing.is_empty(), "{missing:#?}\nis not in\n{told:#?}");
}

#[test]
fn what_is_shown_of_actions_is_an_action() {
    let readme = readme();
    let folder = project();
    folder.write(
        "scripts/demo/onWhatsappMessage.js",
        block(&readme, "js", "return { body: `Ciao ${vo.profileName}!`"),
    );
    let template = block(&readme, "js", "utils.sendWhatsappTemplate(to,")
        .replace("HX…", &format!("HX{}", "0".repeat(32)));
    folder.write("scripts/demo/template.js", &format!("const to = '+393331234567';\nreturn {template}"));
    folder.write(
        "scripts/demo/readme.test.js",
        "test('both', () => {
           assert.equal(phone('+393331234567', { name: 'Ada' }).write('x').length, 1);
           assert.equal(JSON.parse(run('template')).success, true);
         });",
    );
    let output = folder.boatswain(&["test", "readme.test.js"]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn the_table_has_every_command() {
    let readme = readme();
    let output = Command::new(BINARY).arg("--help").output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let commands = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let table: Vec<_> = readme.lines().filter(|line| line.starts_with("| `")).collect();
    let mut known = 0;
    for line in commands.lines() {
        let name = line.split_whitespace().next().unwrap();
        if !line.starts_with("  ") || line.starts_with("   ") || name == "help" {
            continue;
        }
        let told =
            table.iter().any(|row| row.contains(&format!("`{name}`")) || row.contains(&format!("`{name} ")));
        assert!(told, "`{name}` is not in the README's table");
        known += 1;
    }
    assert!(known >= 20, "{known}: {help}");
}

#[test]
fn every_link_leads_somewhere() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = readme();
    let targets = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let mut followed = 0;
    for target in targets.filter(|target| !target.starts_with("http")) {
        let file = target.split('#').next().unwrap();
        assert!(root.join(file).exists(), "{target}");
        followed += 1;
    }
    assert!(followed > 20, "{followed}");
}
