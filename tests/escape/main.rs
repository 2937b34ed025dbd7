//! What a worker could try if its engine had a flaw: each attempt is made by a process that is confined as a worker is, and
//! must fail; and each layer of the confinement must stop by itself what it is there for.
//!
//! This program is its own worker: with `attempt` as its first argument it confines itself and tries. Every attempt is also
//! made without any confinement, where it must succeed, or the test would prove nothing; where the system refuses even
//! that, it says SKIPPED. What belongs to Linux only as root does (becoming nobody) is skipped for others.
#![allow(unsafe_code)]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod attempts;
mod victim;

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitCode, Stdio};

use boatswain::script::confine::{Confinement, EARLY, Layer};

use attempts::{ATTEMPTS, Attempt, MADE, NOT_GRANTED, REFUSED};
use victim::Victim;

/// What became of an attempt.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Succeeded,
    Refused,
    /// A layer that it was to be made under is not to be had here.
    NotGranted(String),
    Unclear(String),
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "attempt") {
        return attempt(&arguments[1..]);
    }
    if arguments.iter().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    // A value of the test runner's own options (`--test-threads 1`) is no name.
    let filter =
        arguments.iter().find(|argument| !argument.starts_with('-') && argument.parse::<u32>().is_err());
    let victim = Victim::new();
    let (mut passed, mut failed, mut skipped) = (0, 0, 0);
    println!("\nrunning the attempts to escape");
    for tried in ATTEMPTS.iter().filter(|tried| filter.is_none_or(|part| tried.name.contains(part.as_str())))
    {
        for (name, layers, expected) in cases(tried) {
            let end = if layers.contains(&Layer::User) && is_roots(&layers) && !is_root() {
                End::NotGranted("becoming nobody to who is not root".to_owned())
            } else {
                make(tried, &layers, &victim)
            };
            let title = format!("{} {name}", tried.name);
            match end {
                end if end == expected => {
                    println!("test {title} ... ok");
                    passed += 1;
                }
                End::NotGranted(layer) => {
                    println!("test {title} ... SKIPPED: this system does not grant {layer}");
                    skipped += 1;
                }
                End::Refused if layers.is_empty() => {
                    println!("test {title} ... SKIPPED: this system refuses it to everybody");
                    skipped += 1;
                }
                end => {
                    println!("test {title} ... FAILED: {end:?}, expected {expected:?}");
                    failed += 1;
                }
            }
        }
    }
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!("\ntest result: {result}. {passed} passed; {failed} failed; {skipped} skipped\n");
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// An attempt without confinement, under everything, and under each layer alone that must stop it.
fn cases(tried: &Attempt) -> Vec<(String, Vec<Layer>, End)> {
    let all = EARLY.into_iter().chain([Layer::ResourceLimits, Layer::Seccomp]).collect();
    let mut cases = vec![
        ("succeeds where nothing stops it".to_owned(), tried.under.to_vec(), End::Succeeded),
        ("is refused to a worker".to_owned(), all, End::Refused),
    ];
    for layer in tried.stopped_by {
        // Network and Landlock need not be root's, but must be allowed to bind.
        let mut layers = vec![*layer];
        if *layer == Layer::Landlock || *layer == Layer::Seccomp {
            layers.insert(0, Layer::NoNewPrivileges);
        }
        layers.splice(0..0, tried.under.iter().copied());
        cases.push((format!("is refused by {} alone", layer.as_str()), layers, End::Refused));
    }
    cases
}

/// Whether only root can be put under these layers; a worker is under all of them, whoever its host is.
fn is_roots(layers: &[Layer]) -> bool {
    layers.len() <= EARLY.len()
}

fn is_root() -> bool {
    // SAFETY: takes nothing.
    unsafe { libc::geteuid() == 0 }
}

/// Makes an attempt in a process of its own, under these layers.
fn make(tried: &Attempt, layers: &[Layer], victim: &Victim) -> End {
    let layers: Vec<_> = layers.iter().map(|layer| serde_json::to_string(layer).unwrap()).collect();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["attempt", tried.name, &format!("[{}]", layers.join(","))])
        .args(victim.arguments())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    match (output.status.code(), output.status.signal()) {
        (Some(MADE), _) => End::Succeeded,
        (Some(REFUSED), _) | (None, Some(libc::SIGSYS | libc::SIGXFSZ)) => End::Refused,
        (Some(NOT_GRANTED), _) => End::NotGranted(said),
        _ => End::Unclear(format!("{} {said}", output.status)),
    }
}

/// The process that tries: `NAME LAYERS VICTIM…`.
fn attempt(arguments: &[String]) -> ExitCode {
    let [name, layers, rest @ ..] = arguments else { return ExitCode::FAILURE };
    let layers: Vec<Layer> = serde_json::from_str(layers).unwrap();
    let tried = ATTEMPTS.iter().find(|tried| tried.name == name).unwrap();
    let mut confinement = Confinement::default();
    // What a worker may hold by default, in MiB.
    confinement.add(&layers, 64);
    if let Some((layer, reason)) = confinement.missing.first() {
        println!("{}: {reason}", layer.as_str());
        exit(NOT_GRANTED);
    }
    exit(if (tried.make)(&Victim::from_arguments(rest)) { MADE } else { REFUSED })
}

fn exit(code: i32) -> ! {
    // SAFETY: takes an integer. Without destructors, which a filter of system calls may forbid.
    unsafe { libc::_exit(code) }
}
