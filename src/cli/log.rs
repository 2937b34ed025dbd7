//! The program's log on stderr: one record a line, whatever stands in it, and the faults of its own.

use std::io::{IsTerminal, Write};
use std::panic::PanicHookInfo;

use tracing::Level;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::{DefaultFields, Writer};

use crate::base::{Diagnostic, shown, shown_json};
use crate::cli::options::LogFormat;
use crate::cli::output;

/// Starts the log, from this level on where `BOATSWAIN_LOG` says nothing else.
pub(super) fn init(format: LogFormat, level: &str) {
    let filter = EnvFilter::try_from_env("BOATSWAIN_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .log_internal_errors(false);
    // Set once; an embedder that has its own log keeps it.
    let _ = match format {
        LogFormat::Text => builder.fmt_fields(OnOneLine).with_writer(std::io::stderr).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).with_writer(|| Json).try_init(),
    };
}

/// A record's message and fields in text, escaped: what was logged cannot begin a record of its own, nor steer a terminal.
struct OnOneLine;

impl<'w> FormatFields<'w> for OnOneLine {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> std::fmt::Result {
        let mut plain = String::new();
        DefaultFields::new().format_fields(Writer::new(&mut plain), fields)?;
        writer.write_str(&shown(&plain))
    }
}

/// Where records in JSON go, each in one piece. What steers is escaped as JSON does it.
struct Json;

impl Write for Json {
    fn write(&mut self, record: &[u8]) -> std::io::Result<usize> {
        let text = String::from_utf8_lossy(record);
        std::io::stderr().lock().write_all(shown_json(&text).as_bytes())?;
        Ok(record.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(()) // stderr keeps nothing back
    }
}

/// From now on a fault of the program (a panic) is a record of the log that names the place and the thread. What Rust
/// prints by itself holds the payload too, which may quote whatever the code had in its hands: a key, a number.
pub(super) fn tell_faults() {
    std::panic::set_hook(Box::new(fault));
}

fn fault(panic: &PanicHookInfo<'_>) {
    let place =
        panic.location().map_or_else(|| "unknown".to_owned(), |at| format!("{}:{}", at.file(), at.line()));
    let thread = std::thread::current();
    let thread = thread.name().unwrap_or("unnamed");
    if tracing::enabled!(target: "boatswain", Level::ERROR) {
        tracing::error!(target: "boatswain", %place, %thread, "a fault of the program's own (a panic): please report the place");
    } else {
        // There is no log yet, or it is switched off: the program may be about to end for this.
        let message = format!("a fault of the program's own at {place} in the thread {thread}");
        output::problem(&Diagnostic::error("PANIC", message).help("please report the place"));
    }
}
