//! The real pipeline on real databases, from a seed: threads in any order, faults at any point.
//!
//! `docs/simulation.md` tells how it works. `cargo test --test simulation` runs some hundred seeds,
//! `SEEDS=20000 FIRST=1 cargo test --test simulation` others, `SEED=1234 cargo test --test simulation` one of them with
//! all that happens.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

#[cfg(debug_assertions)]
mod changes;
mod director;
#[cfg(debug_assertions)]
mod host;
#[cfg(debug_assertions)]
mod ledger;
#[cfg(debug_assertions)]
mod looks;
#[cfg(debug_assertions)]
mod oracle;
#[cfg(debug_assertions)]
mod plan;
#[cfg(debug_assertions)]
mod rng;
#[cfg(debug_assertions)]
mod seeds;
#[cfg(debug_assertions)]
mod simulation;
#[cfg(debug_assertions)]
mod trace;
#[cfg(debug_assertions)]
mod twilio;
#[cfg(debug_assertions)]
mod worker;
#[cfg(debug_assertions)]
mod world;

#[cfg(debug_assertions)]
fn main() -> std::process::ExitCode {
    seeds::main()
}

#[cfg(not(debug_assertions))]
fn main() {
    println!("test result: ok. 0 passed; a build without debug assertions cannot be simulated");
}
