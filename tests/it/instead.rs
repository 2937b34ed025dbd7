//! Commands of the pages that a test cannot type, because they take hours, the network, or another's program; and what is
//! looked at instead.

use std::path::Path;
use std::process::Command;

use crate::host::BINARY;
use crate::pages::project_file;

/// What is looked at where a command cannot be typed in a test.
enum Instead {
    /// Continuous integration does it: `.ci/run` has this text.
    Ci(&'static str),
    /// What Cargo is to build and run is there: targets, filters, variables.
    Cargo,
    /// A test does so that is in this file of `tests/it`: once is enough for what takes long.
    AnotherTest(&'static str),
    /// The file is there, and knows the options.
    Python,
    /// Nothing, for a reason that stands beside it.
    Nothing,
}

/// What begins so is not typed.
const NOT_TYPED: &[(&str, Instead)] = &[
    (".ci/run", Instead::Nothing),          // runs these tests
    ("alias boatswain=", Instead::Nothing), // tests have the program in their PATH
    ("cargo fmt --check", Instead::Ci("cargo fmt --check")),
    (
        "cargo clippy --all-targets -- -D warnings",
        Instead::Ci("cargo clippy --all-targets --locked -- -D warnings"),
    ),
    ("cargo install --locked cargo-deny", Instead::Ci("cargo install --locked --quiet --root")),
    ("cargo deny --offline", Instead::Ci("cargo deny --offline --locked check licenses sources bans")),
    ("cargo deny --locked check advisories", Instead::Nothing), // asks the network for what is new in it
    ("cargo run --release -- demo", Instead::Ci("cargo run --release --locked -- demo")),
    ("cargo ", Instead::Cargo),
    ("python3 tests/", Instead::Python),
    ("python3 -m venv target/python", Instead::Ci("python3 -m venv")),
    (
        "target/python/bin/python tests/python/twilio_library.py",
        Instead::Ci("tests/python/twilio_library.py"),
    ),
    ("boatswain test otp", Instead::AnotherTest("testing")),
    ("boatswain test orderstatus", Instead::AnotherTest("testing")),
    ("boatswain test broadcast", Instead::AnotherTest("testing")),
    ("gcloud ", Instead::Nothing), // a program of Google's, for an account there
    ("journalctl ", Instead::Nothing), // systemd's log is not the tests' affair
];

/// What comes of looking at a line that is not typed; nothing for one that is.
fn looked_at(line: &str) -> Option<Result<(), String>> {
    let line = line.split(" #").next().unwrap().trim().trim_end_matches('&').trim_end();
    let is_setting = |word: &&str| word.split_once('=').is_some_and(|(name, _)| is_variable(name));
    let (variables, plain): (Vec<_>, Vec<_>) =
        line.trim_start_matches("sudo ").split_whitespace().partition(is_setting);
    let command = plain.join(" ");
    let (_, instead) = NOT_TYPED.iter().find(|(begins, _)| command.starts_with(begins))?;
    let wrong = match instead {
        Instead::Ci(text) => {
            (!project_file(".ci/run").contains(text)).then(|| format!("`.ci/run` has no `{text}`"))
        }
        Instead::Cargo => command.split(" && ").find_map(|command| wrong_with_cargo(&variables, command)),
        Instead::Python => wrong_with_python(&command),
        Instead::AnotherTest(file) => {
            let file = format!("tests/it/{file}.rs");
            (!project_file(&file).contains(command.rsplit(' ').next()?)).then(|| format!("{file} does not"))
        }
        Instead::Nothing => None,
    };
    Some(wrong.map_or(Ok(()), Err))
}

/// Whether a line of a page is looked at, and not typed.
#[track_caller]
pub fn is_looked_at(line: &str, place: &str) -> bool {
    match looked_at(line) {
        Some(Err(wrong)) => panic!("{place}: {line}: {wrong}"),
        looked_at => looked_at.is_some(),
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The files below a folder of the project, with what is in them.
fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

fn wrong_with_cargo(variables: &[&str], command: &str) -> Option<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let code: Vec<_> = ["src", "tests", "benches"].into_iter().flat_map(sources).collect();
    for (name, _) in variables.iter().filter_map(|variable| variable.split_once('=')) {
        let is_read = name.starts_with("PROPTEST_")
            || code.iter().any(|(_, text)| text.contains(&format!("\"{name}\"")));
        if !is_read {
            return Some(format!("nobody reads {name}"));
        }
    }
    let mut words = command.split_whitespace().skip(1);
    let subcommand = words.next()?;
    if subcommand == "run" {
        let own = words.skip_while(|word| *word != "--").nth(1)?;
        let help = Command::new(BINARY).args([own, "--help"]).output().unwrap();
        return (!help.status.success()).then(|| format!("the program has no {own}"));
    }
    if !["build", "test", "bench", "doc"].contains(&subcommand) {
        return Some(format!("what is `cargo {subcommand}`?"));
    }
    while let Some(word) = words.next() {
        let target = |folder: &str, name: &str| {
            let is_there = root.join(folder).join(name).is_dir()
                || root.join(folder).join(format!("{name}.rs")).exists();
            (!is_there).then(|| format!("there is no {folder}/{name}"))
        };
        let wrong = match word {
            "--release" | "--locked" | "--open" => None,
            "--test" => target("tests", words.next()?),
            "--bench" => target("benches", words.next()?),
            option if option.starts_with('-') => Some(format!("what is {option}?")),
            filter => {
                let module = format!("/{}.rs", filter.trim_end_matches("::"));
                let known = code.iter().any(|(file, text)| {
                    file.ends_with(&module)
                        || text.contains("#[test]") && text.contains(&format!("fn {filter}"))
                });
                (!known).then(|| format!("no test is called {filter}"))
            }
        };
        if wrong.is_some() {
            return wrong;
        }
    }
    None
}

fn wrong_with_python(command: &str) -> Option<String> {
    let mut words = command.split_whitespace().skip(1);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(words.next()?);
    if !file.exists() {
        return Some("there is no such file".to_owned());
    }
    // The options that all of them have stand in a module of their own.
    let code = std::fs::read_to_string(&file).unwrap() + &project_file("tests/durability/scene.py");
    let mut options = words.filter(|word| word.starts_with("--"));
    let unknown = options.find(|option| !code.contains(&format!("add_argument(\"{option}\"")));
    unknown.map(|option| format!("there is no {option}"))
}

#[test]
fn what_is_not_typed_is_looked_at() {
    for line in [
        "cargo test --test it                    # the integration tests only",
        "SEEDS=20 cargo test --test simulation",
        "cargo build && cargo build --release",
        "cargo bench --bench worker",
        "sudo python3 tests/durability/power_cut.py --rounds 500 --sends",
    ] {
        assert_eq!(looked_at(line), Some(Ok(())), "{line}");
    }
    assert_eq!(looked_at("boatswain check"), None);
    for line in [
        "cargo test --test nothing",
        "cargo test no_such_test",
        "cargo bench --bench nothing",
        "cargo publish",
        "cargo run -- nothing",
        "SEEEDS=20 cargo test",
        "python3 tests/durability/nothing.py",
        "python3 tests/durability/kill_loop.py --nothing",
    ] {
        assert!(matches!(looked_at(line), Some(Err(_))), "{line}");
    }
}
