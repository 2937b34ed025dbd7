//! Where words go: results to stdout, everything else to stderr; a closed pipe is nobody's panic.
//!
//! This is the edge that texts of scripts, of people and of Twilio leave the program by: what would steer a terminal is
//! escaped here, whoever has written it. The log has an edge of its own, [`super::log`].

use std::fmt::Display;
use std::io::{IsTerminal, Write};

use crate::base::{Diagnostic, shown_as_laid_out, shown_json};

/// A line, or several that are laid out, on stdout.
pub(super) fn line(text: impl Display) {
    let mut out = std::io::stdout().lock();
    let text = shown_as_laid_out(&text.to_string());
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// JSON on stdout.
pub(super) fn json(json: impl Display) {
    let mut out = std::io::stdout().lock();
    let json = json.to_string();
    let _ = writeln!(out, "{}", shown_json(&json)).and_then(|()| out.flush());
}

/// Text on stdout as it is, for a program.
pub(super) fn text(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// What an action has returned, on stdout: byte for byte where a program reads it, escaped on a terminal.
pub(super) fn returned(text: &str) {
    if std::io::stdout().is_terminal() {
        line(text);
    } else {
        self::text(&format!("{text}\n"));
    }
}

/// A line, or several that are laid out, on stderr.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{}", shown_as_laid_out(&text.to_string()));
}

/// JSON on stderr.
pub(super) fn note_json(json: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{}", shown_json(&json.to_string()));
}

/// A problem on stderr.
pub(super) fn problem(diagnostic: &Diagnostic) {
    note(diagnostic);
}
