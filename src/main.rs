//! The program: parse, run, print the error, exit.

use std::process::ExitCode;

use boatswain::script::{CountingAllocator, worker};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    if std::env::args_os().nth(1).is_some_and(|first| first == "worker") {
        return worker::main();
    }
    ExitCode::SUCCESS
}
