//! `boatswain backup FILE`: a consistent copy of all databases, by the running host or without one.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::base::{Clock, Diagnostic, Place, SystemClock, shown};
use crate::cli::options::Options;
use crate::cli::reach::{Reached, reach};
use crate::cli::{Failure, output};
use crate::control::{BackupOrder, ControlError};
use crate::store::{self, Backup, BackupError, DataDir};

pub(super) async fn run(options: &Options, file: &Path, force: bool) -> Result<(), Failure> {
    let Reached { data, host } = reach(options).await?;
    // A relative path is meant from where the command stands, not from where the host does.
    let file = std::path::absolute(file).map_err(|error| {
        Diagnostic::error("BACKUP_FILE", format!("the backup cannot be written there: {error}"))
            .help("name a file")
    })?;
    let made = match host {
        Some(host) => host.backup(&BackupOrder { file, force }).await.map_err(refused)?,
        None => by_itself(&data, &file, force)?,
    };
    print(&made);
    Ok(())
}

fn by_itself(data: &Path, file: &Path, force: bool) -> Result<Backup, Failure> {
    let data = DataDir::existing(data).map_err(|error| error.diagnostic())?;
    let _lock = data.lock().map_err(|error| error.diagnostic())?;
    store::backup(&data, file, force, SystemClock.now(), &Arc::new(AtomicBool::new(false)))
        .map_err(|error| failure(error.diagnostic()))
}

/// What the host said, as if it had been said here.
fn refused(error: ControlError) -> Failure {
    match error {
        ControlError::Gone(_) => failure(
            Diagnostic::error("HOST_GONE", error.to_string()).help("look at the log of `boatswain serve`"),
        ),
        ControlError::Refused { code, message, file, help } => {
            let known = BackupError::CODES.into_iter().find(|known| *known == code);
            let mut diagnostic = Diagnostic::error(known.unwrap_or("BACKUP_FAILED"), message);
            diagnostic.place = file.map(Place::file);
            diagnostic.help = help;
            failure(diagnostic)
        }
    }
}

/// Exit status 2 for what was asked wrongly, 1 for what failed.
fn failure(diagnostic: Diagnostic) -> Failure {
    if BackupError::is_usage(diagnostic.code) {
        return diagnostic.into();
    }
    output::problem(&diagnostic);
    Failure::Failed
}

fn print(made: &Backup) {
    for copied in &made.copied {
        output::line(format_args!("{:>12}  {}", size(copied.bytes), copied.name));
    }
    output::line(format_args!("{:>12}  {}", size(made.bytes), shown(&made.file.display().to_string())));
}

/// A number of bytes for people.
fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    // For people, and exact up to 2^53.
    #[allow(clippy::cast_precision_loss)]
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    while size >= 1000.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}
