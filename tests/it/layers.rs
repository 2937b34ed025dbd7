//! The layers of `src` know each other in one direction only.
//!
//! main → cli → testing → runtime → control, web, pipeline, simulator → host → script, whatsapp → store → config → base.
//! What a folder's `mod.rs` says of who it may know is held here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Each module, and what it may know besides itself. `script::protocol` stands for that module alone.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("config", &["base"]),
    ("store", &["config", "base"]),
    ("whatsapp", &["config", "base"]),
    ("script", &["config", "base"]),
    ("host", &["script::protocol", "whatsapp", "store", "config", "base"]),
    ("simulator", &["whatsapp", "config", "base"]),
    ("pipeline", &["host", "script", "whatsapp", "store", "config", "base"]),
    ("web", &["whatsapp", "store", "config", "base"]),
    (
        "control",
        &["pipeline", "host::correspondent", "script::protocol", "whatsapp", "store", "config", "base"],
    ),
    (
        "runtime",
        &["control", "web", "pipeline", "simulator", "host", "script", "whatsapp", "store", "config", "base"],
    ),
    (
        "testing",
        &["runtime", "web", "pipeline", "simulator", "host", "script", "whatsapp", "store", "config", "base"],
    ),
    (
        "cli",
        &[
            "testing",
            "runtime",
            "control",
            "web",
            "pipeline",
            "simulator",
            "host",
            "script",
            "whatsapp",
            "store",
            "config",
            "base",
        ],
    ),
];

/// Crates that belong to one layer.
const CRATES: &[(&str, &[&str])] = &[
    ("boa_engine", &["script"]),
    ("boa_gc", &["script"]),
    ("boa_runtime", &["script"]),
    ("rusqlite", &["store"]),
    ("axum", &["web", "simulator", "control", "testing"]),
    ("hyper", &["web", "simulator"]), // answers that break off lie below what axum does
    ("clap", &["cli"]),
    ("comfy_table", &["cli"]),
    ("google_cloud_auth", &["whatsapp"]),
    ("google_cloud_storage", &["whatsapp"]),
    ("toml", &["config"]),
];

/// The Rust files below a folder.
pub fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            found.push(entry);
        }
    }
}

/// The text without comments and without what stands in quotes, with the same lines.
pub fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    let keep_lines = |code: &mut String, skipped: &str| code.extend(skipped.chars().filter(|c| *c == '\n'));
    while let Some(c) = rest.chars().next() {
        let skip = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(hashes) = raw_string(rest) {
            let open = 2 + hashes;
            let end = format!("\"{}", "#".repeat(hashes));
            rest[open..].find(&end).map_or(rest.len(), |at| open + at + end.len())
        } else if c == '"' {
            string_end(rest)
        } else if rest.starts_with("'\"'") || rest.starts_with("'\\\"'") {
            rest[1..].find('\'').map_or(rest.len(), |at| at + 2)
        } else {
            code.push(c);
            rest = &rest[c.len_utf8()..];
            continue;
        };
        keep_lines(&mut code, &rest[..skip]);
        rest = &rest[skip..];
    }
    code
}

/// The number of `#` of a raw string that begins here.
fn raw_string(text: &str) -> Option<usize> {
    let after = text.strip_prefix('r')?;
    let hashes = after.len() - after.trim_start_matches('#').len();
    after[hashes..].starts_with('"').then_some(hashes)
}

fn string_end(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The paths below `crate` that a text names, with the bytes at which they begin: `use` groups taken apart.
fn paths(code: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::").filter(|(at, _)| !is_name(code[..*at].chars().next_back())) {
        expand(code, at + "crate::".len(), "", &mut found);
    }
    found
}

/// Reads `a::b`, `a::{b, c::d}`, `{a, b}`; gives where it ends.
fn expand(code: &str, mut at: usize, prefix: &str, found: &mut Vec<(usize, String)>) -> usize {
    let begin = at;
    let mut path = prefix.to_owned();
    loop {
        let rest = &code[at..];
        let name: String = rest.chars().take_while(|c| is_name(Some(*c))).collect();
        if !name.is_empty() {
            if !path.is_empty() {
                path.push_str("::");
            }
            path.push_str(&name);
            at += name.len();
            if code[at..].starts_with("::") {
                at += 2;
                continue;
            }
        } else if rest.starts_with('{') {
            at += 1;
            while let Some(c) = code[at..].chars().next() {
                match c {
                    '}' => return at + 1,
                    ',' => at += 1,
                    c if c.is_whitespace() => at += c.len_utf8(),
                    _ => at = expand(code, at, &path, found).max(at + 1),
                }
            }
            return at;
        }
        found.push((begin, path));
        return at;
    }
}

fn is_name(c: Option<char>) -> bool {
    c.is_some_and(|c| c.is_alphanumeric() || c == '_')
}

/// What is wrong with one file of a module.
fn wrong(module: &str, file: &str, text: &str) -> Vec<String> {
    let code = code(text);
    let line = |at: usize| code[..at].matches('\n').count() + 1;
    let (_, may_know) = MAY_KNOW.iter().find(|(known, _)| *known == module).expect("a module of the list");
    let mut wrong = Vec::new();
    for (at, path) in paths(&code) {
        let first = path.split("::").next().unwrap_or_default();
        let known = MAY_KNOW.iter().any(|(known, _)| *known == first);
        let may = |allowed: &str| path == allowed || path.starts_with(&format!("{allowed}::"));
        if known && first != module && !may_know.iter().any(|allowed| may(allowed)) {
            wrong.push(format!("{file}:{}: `{module}` may not know `{path}`", line(at)));
        }
    }
    for (name, owners) in CRATES {
        let whole = |at: usize| !is_name(code[..at].chars().next_back()) && !code[..at].ends_with("::");
        for (at, _) in code.match_indices(&format!("{name}::")).filter(|(at, _)| whole(*at)) {
            if !owners.contains(&module) {
                wrong.push(format!("{file}:{}: `{module}` may not use the crate `{name}`", line(at)));
            }
        }
    }
    wrong
}

#[test]
fn dependencies_point_down() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&src, &mut files);
    let mut seen = BTreeMap::new();
    let mut found = Vec::new();
    for file in files {
        let shown = file.strip_prefix(src.parent().unwrap()).unwrap().display().to_string();
        let below = file.strip_prefix(&src).unwrap();
        let module = below.components().next().unwrap().as_os_str().to_str().unwrap();
        if matches!(module, "lib.rs" | "main.rs") {
            continue; // the map, and the program over everything
        }
        let module = module.trim_end_matches(".rs");
        *seen.entry(module.to_owned()).or_insert(0) += 1;
        found.extend(wrong(module, &shown, &std::fs::read_to_string(&file).unwrap()));
    }
    let known: Vec<_> = MAY_KNOW.iter().map(|(module, _)| *module).collect();
    for module in seen.keys() {
        assert!(
            known.contains(&module.as_str()),
            "`src/{module}` has no place among the layers: add it to MAY_KNOW"
        );
    }
    assert_eq!(seen.len(), known.len(), "a layer that there is not");
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn a_wrong_import_is_found_with_its_file_and_line() {
    let text = "//! See [`crate::script`].\nuse crate::base::{Clock,\n    Secret};\nuse crate::{\n    store::Inbox, config,\n    \
                pipeline::{Pipeline, queue::Queue},\n};\n/* crate::cli */\nfn f() { crate::script::worker::main(); \"crate::cli\"; \
                r#\"crate::cli \"#; xcrate::cli(); '\"'; crate::control::x(); }\n";
    assert_eq!(
        wrong("web", "src/web/x.rs", text),
        [
            "src/web/x.rs:6: `web` may not know `pipeline::Pipeline`",
            "src/web/x.rs:6: `web` may not know `pipeline::queue::Queue`",
            "src/web/x.rs:9: `web` may not know `script::worker::main`",
            "src/web/x.rs:9: `web` may not know `control::x`",
        ]
    );
    assert_eq!(wrong("base", "b.rs", "use crate::config::Params;").len(), 1);
    assert_eq!(
        wrong("host", "h.rs", "use crate::script::{Worker, protocol::Value};"),
        ["h.rs:1: `host` may not know `script::Worker`"]
    );
    assert_eq!(
        wrong("pipeline", "p.rs", "use crate::pipeline::queue; use super::x; use boa_engine::Context;"),
        ["p.rs:1: `pipeline` may not use the crate `boa_engine`"]
    );
}
