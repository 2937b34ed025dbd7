//! What the program is made of: crates as `Cargo.lock` names them, and `unsafe` in named small modules only.
//!
//! Licences and origins of the crates are `cargo deny`'s to hold (`deny.toml`, `.ci/run`); that each `unsafe` block has its
//! argument in a comment before it is clippy's (`undocumented_unsafe_blocks`).

use std::path::Path;

use crate::layers::{code, sources};

/// The modules in which `unsafe` may stand, each small enough to be read at once.
const UNSAFE: &[&str] = &[
    "src/config/environment.rs",      // takes secrets out of the environment
    "src/runtime/descriptor.rs",      // has the runtime wait for a descriptor
    "src/script/confine/calls.rs",    // system calls that give something up
    "src/script/sandbox/deadline.rs", // a timer's signals
    "src/script/sandbox/memory.rs",   // counts what is allocated
    "src/script/sandbox/tripwire.rs", // stops the engine from a signal handler
    "src/script/sys.rs",              // system calls
    "src/store/heap.rs",              // SQLite's memory
    "tests/escape/attempts.rs",       // what an attacker's code would call
    "tests/escape/main.rs",           // ends without destructors
    "tests/fuzz/allocations.rs",      // counts what is allocated
];
/// The most lines of such a module.
const MOST_LINES: usize = 330;

fn read(file: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

/// Whether a file uses `unsafe`, or allows something that the crate denies for its sake.
fn is_unsafe(text: &str) -> bool {
    let code = code(text);
    let mut words = code.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| matches!(word, "unsafe" | "unsafe_code" | "undocumented_unsafe_blocks"))
}

#[test]
fn unsafe_stands_in_named_small_modules_only() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    for folder in ["src", "tests", "benches"] {
        sources(&root.join(folder), &mut files);
    }
    assert!(files.len() > 200, "{}", files.len());
    let with_unsafe = files.iter().map(|file| file.strip_prefix(root).unwrap().to_str().unwrap());
    let with_unsafe: Vec<_> = with_unsafe.filter(|file| is_unsafe(&read(file))).collect();
    assert_eq!(with_unsafe, UNSAFE, "the list of modules with `unsafe`");
    for file in UNSAFE {
        let (text, lines) = (read(file), read(file).lines().count());
        assert!(lines <= MOST_LINES, "{file} has {lines} lines: too many to be read at once");
        let itself = code(&text).contains("#![allow(unsafe_code)]");
        assert!(itself, "{file} must allow unsafe code itself, for the whole of it and nothing else");
        assert!(text.starts_with("//!"), "{file} does not say why it needs unsafe code");
    }
    // Everywhere else the compiler refuses it, and clippy where no argument stands before it.
    let manifest = read("Cargo.toml");
    for lint in ["unsafe_code = \"deny\"", "undocumented_unsafe_blocks = \"deny\""] {
        assert!(manifest.lines().any(|line| line.starts_with(lint)), "Cargo.toml has no {lint}");
    }
}

#[test]
fn unsafe_code_is_found_and_what_only_speaks_of_it_is_not() {
    for text in [
        "fn f() { unsafe { g() } }",
        "unsafe impl Send for X {}",
        "#![allow(unsafe_code)]",
        "unsafe extern \"C\" {}",
    ] {
        assert!(is_unsafe(text), "{text}");
    }
    for text in [
        "// unsafe { }",
        "/* unsafe */",
        "f(\"unsafe {\")",
        "r#\"unsafe { \"#",
        "let not_unsafe = 1;",
        "#[unsafe_ignore_trace]",
    ] {
        assert!(!is_unsafe(text), "{text}");
    }
}

/// Commands of a script that build, or look at what is built, and do not keep to `Cargo.lock`.
fn unlocked(script: &str) -> Vec<&str> {
    let script = script.lines().filter(|line| !line.trim_start().starts_with('#'));
    let commands = ["metadata", "build", "run", "test", "bench", "clippy", "install", "deny", "fetch"];
    let builds = |line: &&str| {
        let after = line.split("cargo ").skip(1);
        after
            .map(|rest| rest.split(' ').next().unwrap_or_default())
            .any(|command| commands.contains(&command))
    };
    script.filter(builds).filter(|line| !line.contains("--locked") && !line.contains("--version >")).collect()
}

#[test]
fn checks_build_what_the_lock_file_names() {
    assert_eq!(unlocked(&read(".ci/run")), Vec::<&str>::new());
    assert_eq!(
        unlocked("a\n  step x cargo test --test it\ncargo test --locked\n# cargo run\ncargo fmt"),
        ["  step x cargo test --test it"]
    );
}

/// All of them from one registry, each with the checksum of what was there.
#[test]
fn every_crate_comes_from_the_registry() {
    let lock = read("Cargo.lock");
    let packages: Vec<&str> = lock.split("[[package]]").skip(1).collect();
    assert!(packages.len() > 100);
    for package in packages.iter().filter(|package| !package.contains("name = \"boatswain\"\n")) {
        let source = "source = \"registry+https://github.com/rust-lang/crates.io-index\"\n";
        assert!(package.contains(source) && package.contains("\nchecksum = \""), "{package}");
    }
}
