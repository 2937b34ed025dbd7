//! The guides for authors keep their word: their files are written as they stand there, and their commands say what stands
//! below them.
//!
//! A block whose info string names a file (```` ```js scripts/tables/book.js ````) is that file from there on. In a block of
//! `sh` each line that begins with `$ boatswain` is run, and what follows is what it says on both its outputs; `…` stands
//! for anything. Other lines of `sh` are for the reader alone.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::host::{BINARY, Folder};

/// A test shares its computer with others, and with a host that somebody serves.
const FREE_PORTS: &str = "\n[host]\nlisten = \"127.0.0.1:0\"\n[simulator]\nlisten = \"127.0.0.1:0\"\n";

/// The fenced blocks of a page: info string and text.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let fences = page.split("```").skip(1).step_by(2);
    fences.map(|block| block.split_once('\n').expect("a block has an end")).collect()
}

/// The commands of a block, and what each says.
fn commands(block: &str) -> Vec<(&str, &str)> {
    let block = block.strip_prefix("$ ").or_else(|| block.split_once("\n$ ").map(|(_, rest)| rest));
    let parts = block.into_iter().flat_map(|block| block.split("\n$ "));
    parts.map(|part| part.split_once('\n').unwrap_or((part, ""))).collect()
}

/// Whether a text is what was expected, in which `…` stands for anything.
fn fits(expected: &str, told: &str) -> bool {
    let Some((first, rest)) = expected.split_once('…') else { return expected == told };
    let Some(mut told) = told.strip_prefix(first) else { return false };
    let mut parts: Vec<_> = rest.split('…').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some((_, after)) = told.split_once(part) else { return false };
        told = after;
    }
    told.ends_with(last)
}

/// What a line says to somebody who types it.
fn run(folder: &Folder, line: &str) -> String {
    let programs = Path::new(BINARY).parent().unwrap();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", &format!("exec 2>&1; {line}")]).current_dir(folder.root.path());
    let output = shell.env_clear().env("PATH", programs).stdin(Stdio::null()).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// Builds what a guide builds, and runs what it runs. Returns how many files and commands that were.
fn follow(page: &str) -> (usize, usize) {
    let text = std::fs::read_to_string(format!("{}/docs/{page}", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let folder = Folder { root: tempfile::tempdir().unwrap() };
    let (mut files, mut run_so_far) = (0, 0);
    for (info, block) in blocks(&text) {
        match info.split_once(' ') {
            Some((_, "app-params.toml")) => {
                folder.write("app-params.toml", &format!("{block}{FREE_PORTS}"));
                files += 1;
            }
            Some((_, name)) => {
                folder.write(name, block);
                files += 1;
            }
            None if info == "sh" => {
                for (line, expected) in commands(block) {
                    assert!(line.starts_with("boatswain "), "docs/{page}: $ {line}");
                    let told = run(&folder, line);
                    let (expected, shown) = (expected.trim(), told.trim());
                    assert!(fits(expected, shown), "docs/{page}: $ {line}\n{shown}\nnot\n{expected}");
                    run_so_far += 1;
                }
            }
            None => {}
        }
    }
    (files, run_so_far)
}

#[test]
fn a_first_application() {
    assert_eq!(follow("first-application.md"), (17, 18));
}

#[test]
fn from_twilio_functions() {
    assert_eq!(follow("from-twilio-functions.md"), (7, 3));
}

#[test]
fn from_the_original_platform() {
    assert_eq!(follow("from-the-original-platform.md"), (10, 8));
}

#[test]
fn what_a_guide_shows_is_compared() {
    let two = commands("$ boatswain a\none\ntwo\n$ boatswain b\n");
    assert_eq!(two, [("boatswain a", "one\ntwo"), ("boatswain b", "")]);
    assert!(commands("boatswain serve\n").is_empty());
    assert_eq!(commands("cd there\n$ boatswain a\n"), [("boatswain a", "")]);
    for (expected, told, same) in [
        ("one", "one", true),
        ("one", "one two", false),
        ("one…", "one two", true),
        ("…two", "one two", true),
        ("…two", "one two three", false),
        ("a …, b … c", "a 1, b 2 c", true),
        ("a …, b … c", "a 1; b 2 c", false),
        ("…", "", true),
        ("one…one", "one", false),
    ] {
        assert_eq!(fits(expected, told), same, "{expected}: {told}");
    }
}
