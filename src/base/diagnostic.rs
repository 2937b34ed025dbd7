//! What the program says when something is wrong: a code, a sentence, a place and a remedy.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use super::text::{shown, shown_lines};

/// Where a problem lies. Lines and columns count from 1; a column counts characters, not bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The file as the user would name it.
    pub file: PathBuf,
    /// Line and column, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<(u32, u32)>,
}

impl Place {
    /// A whole file.
    pub fn file(file: impl Into<PathBuf>) -> Self {
        Self { file: file.into(), position: None }
    }

    /// A point in a file.
    pub fn at(file: impl Into<PathBuf>, line: u32, column: u32) -> Self {
        Self { file: file.into(), position: Some((line, column)) }
    }

    /// The line and column of a byte offset in `text`.
    #[must_use]
    pub fn position_of(text: &str, offset: usize) -> (u32, u32) {
        let mut offset = offset.min(text.len());
        while !text.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &text[..offset];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Somebody may have put a line break into a file's name.
        f.write_str(&shown(&self.file.display().to_string()))?;
        if let Some((line, column)) = self.position {
            write!(f, ":{line}:{column}")?;
        }
        Ok(())
    }
}

/// Whether a diagnostic changes an exit status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Something that must be mended.
    Error,
    /// Something worth knowing; it changes no exit status.
    Warning,
}

/// One problem, as it is shown to the person who can mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// A stable code in upper case, such as `UNKNOWN_KEY`; `boatswain explain` knows each.
    pub code: &'static str,
    /// What happened, one sentence without a full stop.
    pub message: String,
    /// Where, if there is a place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// The lines around the place, where it is one in a script ([`code_frame`](super::code_frame)).
    #[serde(rename = "codeFrame", skip_serializing_if = "Option::is_none")]
    pub code_frame: Option<String>,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl Diagnostic {
    /// An error with a stable code.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            message: message.into(),
            place: None,
            code_frame: None,
            help: None,
        }
    }

    /// A warning with a stable code.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Adds where it is.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// Adds the lines around the place.
    #[must_use]
    pub fn code_frame(mut self, frame: Option<String>) -> Self {
        self.code_frame = frame;
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// The form of the contract: `error[CODE]: what happened`, where, and `help: what to do`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{word}[{}]: {}", self.code, shown_lines(&self.message))?;
        if let Some(place) = &self.place {
            write!(f, "\n  --> {place}")?;
        }
        if let Some(frame) = &self.code_frame {
            write!(f, "\n{frame}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\nhelp: {}", shown_lines(help))?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostic {}

/// The known name that `name` was probably meant to be, for "did you mean": the most similar one, if it is
/// similar at all.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = name.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (similarity(&folded, &candidate.to_lowercase()), candidate))
        .filter(|(similarity, _)| *similarity >= 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

/// From 0 to 1. In short names one slip counts for more than it is: `lgo`.
fn similarity(a: &str, b: &str) -> f64 {
    let is_a_slip = a.len() > 2 && a.len().abs_diff(b.len()) < 2 && strsim::osa_distance(a, b) == 1;
    strsim::jaro_winkler(a, b).max(if is_a_slip { 0.8 } else { 0.0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_from_one() {
        let text = "a = 1\nè = 2\n";
        assert_eq!(Place::position_of(text, 0), (1, 1));
        assert_eq!(Place::position_of(text, 6), (2, 1));
        assert_eq!(Place::position_of(text, 7), (2, 1), "inside a character: its beginning");
        assert_eq!(Place::position_of(text, 8), (2, 2));
        assert_eq!(Place::position_of(text, 999), (3, 1));
    }

    #[test]
    fn a_diagnostic_has_the_form_of_the_contract() {
        let diagnostic = Diagnostic::error("UNKNOWN_KEY", "unknown key `listen_on`")
            .at(Place::at("app-params.toml", 3, 1))
            .help("did you mean `listen`?");
        assert_eq!(
            diagnostic.to_string(),
            "error[UNKNOWN_KEY]: unknown key `listen_on`\n  --> app-params.toml:3:1\nhelp: did you mean `listen`?"
        );
    }

    #[test]
    fn nothing_in_a_diagnostic_looks_like_another_one() {
        let diagnostic = Diagnostic::error("UNKNOWN_KEY", "unknown key\nerror[A]: b")
            .at(Place::file("a\nerror[B]: \u{1b}[2J.js"))
            .help("rename\nerror[C]: it");
        assert_eq!(
            diagnostic.to_string(),
            "error[UNKNOWN_KEY]: unknown key\n      error[A]: b\n  --> a\\nerror[B]: \\u{1b}[2J.js\nhelp: rename\n      \
             error[C]: it"
        );
    }

    #[test]
    fn the_nearest_name_is_similar_or_none() {
        assert_eq!(nearest("whatsap_callback", ["listen", "whatsapp_callback"]), Some("whatsapp_callback"));
        assert_eq!(nearest("zzz", ["listen", "whatsapp_callback"]), None);
        assert_eq!(nearest("lgo", ["info", "log", "lag2"]), Some("log"));
        assert_eq!(nearest("xy", ["xz"]), None);
    }
}
