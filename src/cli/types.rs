//! `boatswain types`: `scripts/boatswain.d.ts` for the editors of authors, and a `jsconfig.json` where there is none.

use std::io;
use std::path::Path;

use crate::base::{Diagnostic, Place};
use crate::cli::options::Options;
use crate::cli::{Failure, output};
use crate::host::types::{JSCONFIG, declarations};

pub(super) fn run(options: &Options, check: bool) -> Result<(), Failure> {
    let scripts = options.scripts();
    let file = scripts.join("boatswain.d.ts");
    let types = declarations();
    // A file that cannot be read is not as it should be either: writing it says why.
    let is_current = std::fs::read(&file).is_ok_and(|there| there == types.as_bytes());
    if check {
        return if is_current { Ok(()) } else { Err(stale(&file)) };
    }
    if !is_current {
        std::fs::write(&file, types).map_err(|error| unwritable(&file, &error))?;
    }
    output::note(format_args!("{} is {}", file.display(), if is_current { "up to date" } else { "written" }));
    // Its settings may be an author's own.
    let config = scripts.join("jsconfig.json");
    match std::fs::File::create_new(&config) {
        Ok(mut file) => {
            io::Write::write_all(&mut file, JSCONFIG.as_bytes())
                .map_err(|error| unwritable(&config, &error))?;
            output::note(format_args!("{} is written", config.display()));
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(unwritable(&config, &error)),
    }
    Ok(())
}

fn stale(file: &Path) -> Failure {
    output::problem(
        &Diagnostic::error("TYPES_STALE", "the types are not those of this version of the program")
            .at(Place::file(file))
            .help("run `boatswain types`"),
    );
    Failure::Failed
}

fn unwritable(file: &Path, error: &io::Error) -> Failure {
    output::problem(
        &Diagnostic::error("TYPES_UNWRITABLE", format!("the types cannot be written: {error}"))
            .at(Place::file(file))
            .help("name the folder of the actions with --scripts DIR, and see that it can be written"),
    );
    Failure::Failed
}
