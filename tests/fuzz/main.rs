//! No input breaks the host: random and mutated ones, compared with a second implementation where there is a right
//! answer. One file a subject.
//!
//! `cargo test` tries some hundred inputs of each kind. `PROPTEST_CASES=1000000 cargo test --release --test fuzz` is for
//! hours; what fails is shrunk, shown, and kept in `tests/proptest-regressions/`, from where it is tried first.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod allocations;
mod cases;
mod control;
mod forgeries;
mod forms;
mod frames;
#[path = "../it/host.rs"]
#[allow(dead_code, reason = "shared with tests/it, which uses the rest")]
mod host;
mod listening;
mod media_urls;
mod parameters;
mod phone_numbers;
mod public_files;
mod reference;
mod requires;
#[path = "../simulation/rng.rs"]
#[allow(dead_code, reason = "shared with tests/simulation, which uses the rest")]
mod rng;
mod storage_names;
mod texts;
mod wires;
