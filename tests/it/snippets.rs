//! Snippets of documentation that are run: each block that begins with ` ```js run ` is an action of its own, in a worker.
//! What it logs, and then what it returns, stands in its last lines behind `//> `. `zone=Europe/Rome` behind `run` is
//! the application's time zone.

use std::fmt::Write as _;

use boatswain::base::TimeZone;
use boatswain::script::Worker;
use boatswain::script::protocol::Returned;

use crate::support::{command, run_in, start};

/// A block of a page.
struct Snippet<'a> {
    line: usize,
    zone: &'a str,
    text: &'a str,
}

/// Runs the snippets of a page, beside `files` of the same application; returns how many there were.
pub fn check(name: &str, page: &str, files: &[(&str, &str)]) -> usize {
    let snippets = snippets(page);
    let mut wrong = Vec::new();
    for snippet in &snippets {
        let mut all = files.to_vec();
        all.push(("snippet.js", snippet.text));
        let mut start = start(&all);
        start.limits.cpu_ms = 10_000;
        start.limits.max_log_line_bytes = 16 << 10;
        start.time_zone = TimeZone::parse(snippet.zone).expect("a zone");
        let mut worker = Worker::spawn(&command(), &start).expect("a worker");
        let told = run_in(&mut worker, 1, "snippet");
        let mut said: String = told.logs.iter().fold(String::new(), |mut said, (_, text)| {
            let _ = writeln!(said, "{text}");
            said
        });
        match told.ended.expect("alive").result {
            Ok(Returned::Undefined) => {}
            Ok(Returned::String(text) | Returned::Json(text)) => {
                let _ = writeln!(said, "{text}");
            }
            Err(failure) => {
                let _ = writeln!(said, "{}", failure.message);
            }
        }
        let expected = snippet.text.lines().filter_map(|line| line.strip_prefix("//>"));
        let expected: Vec<&str> = expected.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        let expected = expected.join("\n");
        let said = said.trim_end_matches('\n');
        if said != expected {
            let line = snippet.line;
            wrong.push(format!("{name}, line {line}: it says\n{said}--- and not\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    snippets.len()
}

fn snippets(page: &str) -> Vec<Snippet<'_>> {
    let mut snippets = Vec::new();
    let mut line = 1;
    for (index, part) in page.split("```").enumerate() {
        let (head, text) = part.split_once('\n').unwrap_or((part, ""));
        let mut words = head.split(' ');
        if index % 2 == 1 && words.next() == Some("js") && words.next() == Some("run") {
            let zone = words.find_map(|word| word.strip_prefix("zone=")).unwrap_or("UTC");
            snippets.push(Snippet { line, zone, text });
        }
        line += part.matches('\n').count();
    }
    snippets
}
