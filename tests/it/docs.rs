//! What is true of all pages: the commands that they name exist with their options, their JavaScript is JavaScript, and
//! their parameters are parameters.
//!
//! Most pages are run besides, each by a test of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use boatswain::base::Secret;

use crate::host::{BINARY, Folder};

/// The blocks of a language in a page; one within a list is indented.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if line.trim_start().strip_prefix("```").is_some_and(|info| info == language) {
            let body = lines.by_ref().take_while(|line| line.trim() != "```");
            found.push(body.flat_map(|line| [line, "\n"]).collect());
        }
    }
    found
}

/// Every page for users: its name and its text.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = vec![root.join("README.md")];
    let below = |folder: PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.extend(below(root.join("docs")));
    files.extend(below(root.join("scripts")).map(|folder| folder.join("README.md")));
    files.retain(|file| file.extension().is_some_and(|extension| extension == "md") && file.exists());
    files.sort();
    assert!(files.len() > 20, "{}", files.len());
    let named = files.into_iter().map(|file| {
        (file.strip_prefix(root).unwrap().display().to_string(), std::fs::read_to_string(file).unwrap())
    });
    named.collect()
}

/// What follows `boatswain` in lines of a shell and in code within a sentence, up to what a shell would make of it.
fn commands(page: &str) -> Vec<String> {
    let shell = blocks(page, "sh").concat();
    let lines = shell.lines().map(|line| line.trim_start().trim_start_matches("$ "));
    let mut found: Vec<String> =
        lines.filter_map(|line| line.strip_prefix("boatswain ")).map(str::to_owned).collect();
    let prose: String = page.split("```").step_by(2).collect();
    let spans = prose.split('`').skip(1).step_by(2);
    found.extend(spans.filter_map(|span| span.strip_prefix("boatswain ")).map(str::to_owned));
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
    for (page, text) in pages() {
        for line in commands(&text) {
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
                "{page}: there is no command in `boatswain {line}`"
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
                assert!(own.contains(&format!("\n  {second} ")), "{page}: `boatswain {line}`");
                path.push(second);
            }
            let own = help(&mut known, &path);
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let option = option.split('=').next().unwrap();
                let is_there =
                    own.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').any(|word| word == option);
                assert!(is_there, "{page}: `boatswain {line}` has no {option}");
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
    for (page, text) in pages() {
        let file = page.replace(['/', '.'], "-");
        for (number, block) in blocks(&text, "js").iter().chain(&blocks(&text, "js run")).enumerate() {
            folder.write(&format!("scripts/app/{file}-{number}.js"), block);
            written += 1;
        }
    }
    assert!(written > 50, "{written}");
    let output = folder.boatswain(&["check", "--json"]);
    let said = String::from_utf8(output.stdout).unwrap();
    // Foreign code is shown to be translated.
    let wrong: Vec<_> = said
        .lines()
        .filter(|line| line.contains("SCRIPT_SYNTAX") && !line.contains("docs-from-twilio-functions"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn all_parameters_are_parameters() {
    let mut looked_at = 0;
    for (page, text) in pages() {
        for block in blocks(&text, "toml") {
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
            assert!(told.is_empty(), "{page}: {}\n{block}", told.join("\n"));
            looked_at += 1;
        }
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
    let codes: std::collections::BTreeSet<_> = words.filter(is_code).collect();
    assert!(codes.len() > 15, "{codes:?}");
    for code in codes {
        assert!(folder.boatswain(&["explain", code]).status.success(), "{code}");
    }
}
