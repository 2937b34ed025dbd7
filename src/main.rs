//! The program: parse, run, print the error, exit.

use std::process::ExitCode;

use boatswain::script::{CountingAllocator, worker};

#[global_allocator]
static ALLOCATOR: CountingAllocator = CountingAllocator;

fn main() -> ExitCode {
    // The worker is not a command for people: it is looked for before anything else of the program is set up.
    if std::env::args_os().nth(1).is_some_and(|first| first == "worker") {
        return worker::main();
    }
    boatswain::cli::main()
}
