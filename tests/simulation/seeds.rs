//! Which seeds are run, on all cores, and what is said of them.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use crate::simulation::{Report, run};
use crate::trace::Keep;

/// Part of every `cargo test`.
const SEEDS: u64 = 150;
/// How many of the last lines a failure shows.
const SHOWN: usize = 40;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

pub fn main() -> ExitCode {
    if let Some(seed) = number("SEED") {
        return one(seed);
    }
    // As libtest does: a filter that does not name this target runs nothing.
    if std::env::args().any(|argument| argument == "--list") {
        return ExitCode::SUCCESS;
    }
    many(number("FIRST").unwrap_or(1), number("SEEDS").unwrap_or(SEEDS))
}

/// One seed, with all that happens.
fn one(seed: u64) -> ExitCode {
    let report = run(seed, Keep::Print);
    println!("\nseed {seed}: {} steps, trace {:016x}", report.steps, report.hash);
    match report.failure {
        None => ExitCode::SUCCESS,
        Some(failure) => {
            println!("violated: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn many(first: u64, seeds: u64) -> ExitCode {
    println!("\nrunning {seeds} seeds from {first}");
    let began = Instant::now();
    let next = AtomicU64::new(first);
    let steps = AtomicU64::new(0);
    let failures = Mutex::new(BTreeMap::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + seeds {
                        break;
                    }
                    let report = checked(seed);
                    steps.fetch_add(report.steps, Ordering::Relaxed);
                    if let Some(failure) = report.failure {
                        failures.lock().unwrap().insert(seed, failure);
                        if failures.lock().unwrap().len() >= 20 {
                            break;
                        }
                    }
                }
            });
        }
    });
    let failures = failures.into_inner().unwrap();
    if let Some(seed) = failures.keys().next() {
        // The same again, this time with the words.
        for line in run(*seed, Keep::Last(SHOWN)).lines {
            println!("{line}");
        }
    }
    for (seed, failure) in &failures {
        println!("seed {seed} violates {failure}\n    repeat: SEED={seed} cargo test --test simulation");
    }
    let (failed, passed) = (failures.len() as u64, seeds - failures.len() as u64);
    let result = if failed == 0 { "ok" } else { "FAILED" };
    println!(
        "\ntest result: {result}. {passed} passed; {failed} failed; {} steps; finished in {:.2}s\n",
        steps.into_inner(),
        began.elapsed().as_secs_f64()
    );
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a seed; now and then twice, for both must go the same way.
fn checked(seed: u64) -> Report {
    let mut report = run(seed, Keep::Nothing);
    if seed.is_multiple_of(16) && report.failure.is_none() && run(seed, Keep::Nothing).hash != report.hash {
        report.failure = Some("determinism: two runs of the seed went different ways".to_owned());
    }
    report
}
