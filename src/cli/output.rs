//! Where words go: results to stdout, everything else to stderr; a closed pipe is nobody's panic.

use std::io::{IsTerminal, Write};

use tracing_subscriber::EnvFilter;

use crate::base::Diagnostic;
use crate::cli::options::LogFormat;

/// Starts the log on stderr, from this level on where `BOATSWAIN_LOG` says nothing else.
pub(super) fn init(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_from_env("BOATSWAIN_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .log_internal_errors(false);
    // Set once; an embedder that has its own log keeps it.
    let _ = match format {
        LogFormat::Text => builder.try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
}

/// A line on stdout.
pub(super) fn line(text: impl std::fmt::Display) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Text on stdout as it is.
pub(super) fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A line on stderr.
pub(super) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A problem on stderr.
pub(super) fn problem(diagnostic: &Diagnostic) {
    note(diagnostic);
}
