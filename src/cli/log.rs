//! The program's log on stderr: a record begins a line, and what else stands in it does not; and the faults of its own.

use std::fmt::{Debug, Write as _};
use std::io::{IsTerminal, Write};
use std::panic::PanicHookInfo;

use tracing::Level;
use tracing::field::{Field, Visit};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use crate::base::{Diagnostic, indented, shown, shown_json};
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

/// Fields that have lines of their own below the record, in this order, and what stands before each.
const BELOW: [(&str, &str); 6] = [
    ("code_frame", ""),
    ("stack", ""),
    ("causes", ""),
    ("help", "help: "),
    ("vo", "vo: "),
    ("run_again", "run again: "),
];

/// A record's message and fields in text, escaped: what was logged cannot begin a record of its own, nor steer a terminal.
/// What is shown below a record is indented.
struct OnOneLine;

impl<'w> FormatFields<'w> for OnOneLine {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> std::fmt::Result {
        let mut record = Record::default();
        fields.record(&mut record);
        writer.write_str(&shown(&record.message))?;
        writer.write_str(&shown(&record.fields))?;
        record.below.iter().try_for_each(|text| writer.write_str(&indented(text)))
    }
}

/// The parts of a record.
#[derive(Default)]
struct Record {
    message: String,
    /// ` name=value`, one behind the other.
    fields: String,
    below: [String; BELOW.len()],
}

impl Visit for Record {
    fn record_str(&mut self, field: &Field, value: &str) {
        match BELOW.iter().position(|(name, _)| *name == field.name()) {
            Some(index) => self.below[index] = format!("{}{value}", BELOW[index].1),
            None if field.name() == "message" => value.clone_into(&mut self.message),
            None => self.record_debug(field, &value),
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a String cannot fail.
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.fields, " {}={value:?}", name.trim_start_matches("r#")),
        };
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
