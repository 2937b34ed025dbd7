//! What is true of all pages: the commands that they name exist with their options, their JavaScript is JavaScript, and
//! their parameters are parameters.
//! And each block of each page is somebody's affair: a test runs it, or it is a drawing.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use boatswain::base::Secret;

use crate::host::{BINARY, Folder};
use crate::pages::{Page, pages, project_file};

/// Who keeps the blocks of a language true, page by page: the file in `tests/it` that reads the page.
const KEPT: &[(&str, &[&str], &str)] = &[
    ("README.md", &["sh", "js", "text"], "readme"),
    ("docs/actions.md", &["js", "ts"], "actions_docs"),
    ("docs/actions.md", &["sh"], "guides"),
    ("docs/check.md", &["sh"], "guides"),
    ("docs/contributing.md", &["sh"], "guides"),
    ("docs/durability.md", &["sh"], "guides"),
    ("docs/first-application.md", &["sh", "js", "sql"], "guides"),
    ("docs/from-the-original-platform.md", &["sh", "js", "sql"], "guides"),
    ("docs/from-twilio-functions.md", &["sh", "js", "sql"], "guides"),
    ("docs/going-live.md", &["", "nginx", "caddy", "sh", "ini"], "going_live"),
    ("docs/javascript.md", &["js"], "javascript_docs"),
    ("docs/operations.md", &["", "sh"], "operations_docs"),
    ("docs/performance.md", &["sh"], "guides"),
    ("docs/reference.md", &["ts", "js"], "reference_docs"),
    ("docs/sending.md", &["js", "json"], "sending_docs"),
    ("docs/simulation.md", &["sh"], "guides"),
    ("docs/simulator.md", &["", "sh", "json", "http", "callbacks"], "simulator_docs"),
    ("docs/testing.md", &["js"], "testing_docs"),
    ("docs/testing.md", &["sh"], "guides"),
    ("docs/types.md", &["js"], "types"),
    ("docs/types.md", &["sh"], "guides"),
    ("scripts/broadcast/README.md", &["sh"], "guides"),
    ("scripts/orderstatus/README.md", &["sh"], "guides"),
    ("scripts/otp/README.md", &["sh"], "guides"),
];

/// What nothing can run, by its first words.
const DRAWN: &[(&str, &str)] = &[
    ("docs/actions.md", "scripts/<appId>/<actionId>.js       an action;"),
    ("docs/architecture.md", "main                         parse, run"),
    ("docs/architecture.md", "             ┌────"),
    ("docs/security.md", "script ─► engine"),
    ("docs/simulation.md", "   521 run-app    runs-ended"),
];

/// The blocks that no test runs. TOML is parsed wherever it stands, below; what embeds the host is compiled as
/// documentation of the crate.
#[test]
fn every_block_is_run_by_a_test_or_is_a_drawing() {
    let (mut kept, mut drawn) = (0, BTreeSet::new());
    for block in pages().iter().flat_map(Page::blocks) {
        let (page, language) = (block.page.as_str(), block.language());
        let is_plain = matches!(language, "" | "text");
        let mut drawings = DRAWN.iter().filter(|_| is_plain);
        let drawing = drawings.find(|(name, first)| *name == page && block.text.starts_with(first));
        let keeper = KEPT.iter().find(|(name, languages, _)| *name == page && languages.contains(&language));
        match (drawing, keeper) {
            (Some(drawing), None) => assert!(drawn.insert(drawing), "{}: twice", block.place()),
            (None, Some((_, _, test))) => {
                let name =
                    page.trim_end_matches(".md").trim_end_matches("/README").rsplit('/').next().unwrap();
                let code = project_file(&format!("tests/it/{test}.rs"));
                assert!(code.contains(name), "tests/it/{test}.rs says nothing of {page}");
                kept += 1;
            }
            (None, None) if language == "toml" => {}
            (None, None) if language == "rust" => {
                assert!(
                    project_file("src/lib.rs").contains(&format!("include_str!(\"../{page}\")")),
                    "{page}"
                );
            }
            _ => panic!("{}: no test runs this block, or two say so:\n{}", block.place(), block.text),
        }
    }
    assert_eq!(drawn.len(), DRAWN.len(), "drawings that are not there");
    assert!(kept > 200, "{kept}");
}

/// What follows `boatswain` in lines of a shell and in code within a sentence, up to what a shell would make of it.
fn commands(page: &Page) -> Vec<String> {
    let shell = page.texts("sh").concat();
    let lines = shell.lines().map(|line| line.trim_start().trim_start_matches("$ "));
    let mut found: Vec<String> =
        lines.filter_map(|line| line.strip_prefix("boatswain ")).map(str::to_owned).collect();
    let spans = page.spans();
    found.extend(spans.iter().filter_map(|span| span.strip_prefix("boatswain ")).map(str::to_owned));
    found
}

/// What `--help` says of a command.
fn help(known: &mut BTreeMap<Vec<String>, String>, command: &[&str]) -> String {
    let key: Vec<String> = command.iter().map(|word| (*word).to_owned()).collect();
    known
        .entry(key)
        .or_insert_with(|| {
            let output = Command::new(BINARY).args(command).arg("--help").output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        })
        .clone()
}

#[test]
fn every_command_that_is_named_exists_with_its_options() {
    let mut known = BTreeMap::new();
    let top = help(&mut known, &[]);
    let mut looked_at = 0;
    for page in pages() {
        for line in commands(&page) {
            let line = line.split(['#', '|', '>', '\'', '"', '$', ';']).next().unwrap();
            let words: Vec<_> =
                line.split_whitespace().map(|word| word.trim_matches(['[', ']', ',', '.'])).collect();
            let Some(command) = words.iter().find(|word| !word.starts_with('-')) else { continue };
            // A word in capitals or with dots stands for any.
            if command.contains('…') || *command == "COMMAND" {
                continue;
            }
            assert!(
                top.contains(&format!("\n  {command} ")),
                "{}: there is no command in `boatswain {line}`",
                page.name
            );
            let mut path = vec![*command];
            let own = help(&mut known, &path);
            if own.contains("\nCommands:\n") {
                let second = words.iter().skip_while(|word| *word != command).nth(1);
                let Some(second) =
                    second.filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'))
                else {
                    continue;
                };
                assert!(own.contains(&format!("\n  {second} ")), "{}: `boatswain {line}`", page.name);
                path.push(second);
            }
            let own = help(&mut known, &path);
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let option = option.split('=').next().unwrap();
                let is_there =
                    own.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|word| word == option);
                assert!(is_there, "{}: `boatswain {line}` has no {option}", page.name);
            }
            looked_at += 1;
        }
    }
    assert!(looked_at > 120, "{looked_at}");
}

#[test]
fn all_javascript_compiles() {
    let folder = Folder::new("", "");
    let mut written = 0;
    for block in pages().iter().flat_map(Page::blocks).filter(|block| block.language() == "js") {
        let file = block.place().replace(['/', '.', ':'], "-");
        folder.write(&format!("scripts/app/{file}.js"), &block.text);
        written += 1;
    }
    assert!(written > 50, "{written}");
    let output = folder.boatswain(&["check", "--json"]);
    let said = String::from_utf8(output.stdout).unwrap();
    let wrong: Vec<_> = said.lines().filter(|line| line.contains("SCRIPT_SYNTAX")).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_parameters_are_parameters() {
    let mut looked_at = 0;
    for block in pages().iter().flat_map(Page::blocks).filter(|block| block.language() == "toml") {
        let (place, block) = (block.place(), block.text);
        toml::from_str::<toml::Table>(&block).unwrap_or_else(|error| panic!("{place}: {error}"));
        if !block.contains("[host") && !block.contains("[applications") && !block.contains("[simulator") {
            continue; // a part of a section, or of a `Cargo.toml`
        }
        let loaded = boatswain::config::parse("app-params.toml".as_ref(), &block, &|_| {
            Some(Secret::new("0".repeat(32)))
        });
        let problems = loaded.err().unwrap_or_default().into_iter().filter(|problem| {
            matches!(problem.code, "PARAMS_SYNTAX" | "UNKNOWN_KEY" | "WRONG_TYPE" | "MISPLACED_KEY")
        });
        let told: Vec<_> = problems.map(|problem| problem.to_string()).collect();
        assert!(told.is_empty(), "{place}: {}\n{block}", told.join("\n"));
        looked_at += 1;
    }
    assert!(looked_at > 5, "{looked_at}");
}

#[test]
fn every_code_of_the_page_about_trouble_is_explained() {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/troubleshooting.md")).unwrap();
    let folder = Folder::new("", "");
    let words = page.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let is_code = |word: &&str| {
        let shouted = word.contains('_') && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
        shouted || word.len() == 5 && word.chars().all(|c| c.is_ascii_digit())
    };
    let codes: BTreeSet<_> = words.filter(is_code).collect();
    assert!(codes.len() > 15, "{codes:?}");
    for code in codes {
        assert!(folder.boatswain(&["explain", code]).status.success(), "{code}");
    }
}
