//! `require` finds files of the application by their paths, as a second, plainer resolver does, and nothing else.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::time::Duration;

use boatswain::base::{Seed, TimeZone};
use boatswain::script::protocol::{
    Answer, Bundle, LogLevel, Returned, RunRequest, SandboxLimits, SourceFile, Start, Value, Vo,
};
use boatswain::script::sandbox::{Host, Sandbox};
use proptest::prelude::*;
use proptest::sample::select;

use crate::cases::{one_in, words};

/// The modules; each says its name, and requires for others from where it stands.
const MODULES: &[&str] = &[
    "lib/a.js",
    "lib/index.js",
    "lib/deep/b.js",
    "lib/deep/index.js",
    "lib/x.y.js",
    "lib/..c.js",
    "top.js",
    "lib/è.js",
];
/// What requires: an action at the top, and modules at two depths.
const FROM: &[&str] = &["action.js", "lib/a.js", "lib/deep/b.js"];

struct Nothing;

impl Host for Nothing {
    fn call(&mut self, _: u32, _: u16, _: Vec<Value>) -> Answer {
        Answer::Return { value: Value::Undefined, advance_ms: 0 }
    }

    fn log(&mut self, _: u32, _: LogLevel, _: String) {}

    fn sleep(&mut self, _: Duration) {}
}

fn start() -> Start {
    let module = |path: &&str| {
        (path.to_string(), format!("exports.name = {path:?}; exports.find = (path) => require(path).name"))
    };
    let action = "
        const from = { 'action.js': (path) => require(path).name, 'lib/a.js': require('./lib/a').find, 'lib/deep/b.js': require('./lib/deep/b').find };
        return vo.map(([file, path]) => { try { return [from[file](path), null] } catch (error) { return [null, error.code] } })";
    let files = MODULES.iter().map(module).chain([("action.js".to_owned(), action.to_owned())]);
    let files = files.map(|(path, text)| SourceFile { shown: path.clone(), path, text: Ok(text) }).collect();
    Start {
        app_id: "demo".into(),
        bundle: Bundle { version: "1".into(), files },
        functions: Vec::new(),
        limits: SandboxLimits {
            cpu_ms: 20_000,
            wall_ms: 60_000,
            memory_mb: 64,
            runs_per_context: 100,
            max_result_bytes: 1 << 20,
            max_log_lines: 10,
            max_log_line_bytes: 100,
        },
        prelude: None,
        time_zone: TimeZone::default(),
    }
}

/// The module that a path means, by walking it.
fn meant(from: &str, path: &str) -> Option<&'static str> {
    if !(path.starts_with("./") || path.starts_with("../")) {
        return None;
    }
    let mut folder: Vec<&str> = from.split('/').collect();
    folder.pop();
    for step in path.split('/') {
        match step {
            ".." => drop(folder.pop()?),
            "." | "" => {}
            name => folder.push(name),
        }
    }
    let path = folder.join("/");
    let files: BTreeSet<&str> = MODULES.iter().copied().collect();
    let candidates = [path.clone(), format!("{path}.js"), format!("{path}/index.js")];
    candidates.iter().find_map(|candidate| files.get(candidate.as_str()).copied())
}

fn specifier() -> impl Strategy<Value = String> {
    let begin = words("./ ../ / ././ ./../ .. ./lib/ ./lib/../ ../../");
    let piece = prop_oneof![
        4 => words("/ .. . ./ ../"),
        4 => words("lib deep a b index .js a.js top x.y ..c è demo"),
        1 => words("\\ %2e \0 // \u{ff0e} \u{2215} etc/passwd file: node:fs ... __proto__ \u{d7ff} \u{1F600}"),
        1 => Just(" "),
    ];
    // A module, on a way that leads round, or out and in again.
    let around = (
        words("./ ../ ../../ ../../../ ./lib/../ ./../ ./x/../"),
        words("lib/ lib/deep/ ./ lib// deep/ deep/../"),
        words("a b x.y top index ..c deep è a.js .js"),
    );
    prop_oneof![
        4 => (begin, prop::collection::vec(piece, 0..8)).prop_map(|(begin, pieces)| begin.to_owned() + &pieces.concat()),
        4 => around.prop_map(|(out, folder, name)| format!("{out}{folder}{name}")),
        1 => (1..200_usize).prop_map(|times| "../".repeat(times)),
        1 => ".{0,20}",
    ]
}

#[test]
fn a_path_means_a_file_of_the_application_or_nothing() {
    // Recursion through native functions takes room.
    let thread = std::thread::Builder::new().stack_size(64 << 20).spawn(paths_mean_files).unwrap();
    thread.join().unwrap();
}

fn paths_mean_files() {
    let sandbox = RefCell::new(Sandbox::new(&start(), Nothing).unwrap());
    // A case is twenty paths, in one run.
    proptest!(one_in(8), |(paths in prop::collection::vec((select(FROM), specifier()), 20))| {
        let run = RunRequest {
            ticket: 1,
            action: "action".into(),
            company: "ACME".into(),
            vo: Vo::Json(serde_json::to_string(&paths).unwrap()),
            started: 0,
            seed: Seed([1; 32]),
            reply: None,
        };
        let ended = sandbox.borrow_mut().run(&run);
        let Ok(Returned::Json(found)) = ended.result else { panic!("{ended:?}") };
        let found: Vec<(Option<String>, Option<String>)> = serde_json::from_str(&found).unwrap();
        prop_assert_eq!(found.len(), paths.len());
        for ((from, path), (name, code)) in paths.iter().zip(found) {
            // The action is a file too, and can be required; it is no module that says its name.
            if code.is_none() && name.is_none() {
                continue;
            }
            let meant = meant(from, path);
            prop_assert_eq!(name.as_deref(), meant, "{:?} in {}", path, from);
            prop_assert_eq!(code.as_deref(), meant.is_none().then_some("MODULE_NOT_FOUND"), "{:?} in {}", path, from);
        }
    });
}

#[test]
fn the_plainer_resolver_knows_the_ways() {
    assert_eq!(meant("action.js", "./lib/a"), Some("lib/a.js"));
    assert_eq!(meant("lib/deep/b.js", "../.."), None);
    assert_eq!(meant("lib/deep/b.js", "../"), Some("lib/index.js"));
    assert_eq!(meant("lib/a.js", "../../x"), None);
}
