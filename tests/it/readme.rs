//! The README keeps its word: its commands run, its files work, its table has every command.

use std::path::Path;
use std::process::Command;

use crate::host::{BINARY, Folder};
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

#[test]
fn every_command_that_is_shown_works() {
    let readme = readme();
    let folder = project();
    let host = folder.serve();
    folder.write("scripts/demo/greet.js", block(&readme, "js", "const { to, name = \"friend\" } = vo;"));
    folder.write("scripts/demo/greet.test.js", block(&readme, "js", "test(\"somebody is greeted\""));
    host.wait_for("greet.js"); // it is taken over
    let lines = blocks(&readme, "sh").into_iter().flat_map(str::lines);
    let mut run = 0;
    for line in lines.filter(|line| line.starts_with("boatswain ") && !line.starts_with("boatswain serve")) {
        let programs = Path::new(BINARY).parent().unwrap();
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", line]).current_dir(folder.root.path()).env_clear().env("PATH", programs);
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        run += 1;
    }
    assert_eq!(run, 8, "commands of the README");
    let listed = folder.boatswain(&["messages", "list", "--json"]);
    assert_eq!(String::from_utf8(listed.stdout).unwrap().lines().count(), 1);
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
