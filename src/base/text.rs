//! Text that others wrote, on its way to where people read it.
//!
//! Scripts, people's messages, Twilio, HTTP clients and the names of files may hold characters that steer a terminal,
//! turn the writing around, or begin a line that looks like the host's own. What a person reads is escaped by these
//! functions, and only where it leaves the program: `cli::output` and `cli::log`.

use std::borrow::Cow;
use std::fmt::Write;

/// Where the lines of a text go on that does not end with its first: nothing of the host's own begins so.
const INDENT: &str = "\n      ";

/// Whether a character steers what shows it: controls (C0, DEL, C1), the marks that turn the writing around
/// (<https://www.unicode.org/reports/tr9/#Directional_Formatting_Characters>), the two separators that some viewers break
/// lines at, and the mark of byte order, which nobody sees.
fn steers(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{61c}' | '\u{2028}' | '\u{2029}' | '\u{feff}')
}

/// A text on one line: what steers is shown, not obeyed. Nothing else is changed.
#[must_use]
pub fn shown(text: &str) -> String {
    escaped(text, |_| None)
}

/// A text that may have several lines: those after the first are indented, so that none can be taken for a line of the
/// host's.
#[must_use]
pub fn shown_lines(text: &str) -> String {
    escaped(text, |c| (c == '\n').then_some(INDENT))
}

/// A text whose lines are the host's own, a table for instance.
#[must_use]
pub fn shown_as_laid_out(text: &str) -> String {
    escaped(text, |c| match c {
        '\n' => Some("\n"),
        '\t' => Some("\t"),
        _ => None,
    })
}

fn escaped(text: &str, keep: impl Fn(char) -> Option<&'static str>) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if !steers(c) {
            shown.push(c);
        } else if let Some(kept) = keep(c) {
            shown.push_str(kept);
        } else {
            shown.extend(c.escape_default());
        }
    }
    shown
}

/// JSON that is the same to a program, and harmless to a terminal: JSON itself escapes only U+0000 to U+001F. Outside of
/// texts it has nothing that steers but white space, which stays.
#[must_use]
pub fn shown_json(json: &str) -> Cow<'_, str> {
    let inert = |c: char| !steers(c) || c == '\n';
    if json.chars().all(inert) {
        return Cow::Borrowed(json);
    }
    let mut shown = String::with_capacity(json.len() + 16);
    for c in json.chars() {
        if inert(c) {
            shown.push(c);
        } else {
            let _ = write!(shown, "\\u{:04x}", u32::from(c)); // all that steer are below U+10000
        }
    }
    Cow::Owned(shown)
}

/// A text of several lines, each indented as in [`shown_lines`], with a line break before it.
#[must_use]
pub fn indented(text: &str) -> String {
    text.lines().fold(String::new(), |mut lines, line| {
        lines.push_str(INDENT);
        lines.push_str(&escaped(line, |c| (c == '\t').then_some("\t")));
        lines
    })
}

/// A word as a shell reads it whole (POSIX, 2.2.2): in single quotes where it is not plain.
#[must_use]
pub fn shell_word(word: &str) -> Cow<'_, str> {
    let plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '@' | ':' | '=' | ',');
    if !word.is_empty() && word.chars().all(plain) {
        return word.into();
    }
    format!("'{}'", word.replace('\'', "'\\''")).into()
}

/// `text`, or the beginning of it that fits in `max` bytes with a mark that something is missing.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    if text.len() <= max {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(max.saturating_sub('…'.len_utf8()));
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEERING: &str = "\0\u{1}\t\r\u{1b}\u{1f}\u{7f}\u{80}\u{9b}\u{9f}\u{61c}\u{200e}\u{200f}\u{202a}\u{202b}\
        \u{202c}\u{202d}\u{202e}\u{2028}\u{2029}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}";

    #[test]
    fn what_would_steer_a_terminal_is_shown_and_nothing_else_is_changed() {
        assert_eq!(shown("it's \"è\" \\ \u{1F600} e\u{301} שלום"), "it's \"è\" \\ \u{1F600} e\u{301} שלום");
        assert_eq!(shown("\u{1b}[31m\r\n\u{9b}\u{202e}"), "\\u{1b}[31m\\r\\n\\u{9b}\\u{202e}");
        for c in STEERING.chars() {
            for text in [shown(&c.to_string()), shown_lines(&c.to_string())] {
                assert!(text.is_ascii() && text.starts_with('\\'), "{text:?}");
            }
        }
    }

    #[test]
    fn only_the_first_line_of_a_text_begins_where_lines_of_the_host_do() {
        assert_eq!(shown_lines("a\nerror[X]: b\n\u{85}c"), "a\n      error[X]: b\n      \\u{85}c");
        assert_eq!(shown("a\nb"), "a\\nb");
        assert_eq!(shown_as_laid_out("a\tb\n\u{1b}c"), "a\tb\n\\u{1b}c");
    }

    #[test]
    fn a_block_of_lines_is_indented_and_keeps_its_tabs() {
        assert_eq!(indented("a\n\tb\u{1b}"), "\n      a\n      \tb\\u{1b}");
        assert_eq!(indented(""), "");
    }

    #[test]
    fn a_shell_reads_a_word_whole() {
        for (word, quoted) in [
            ("demo/confirm", "demo/confirm"),
            ("@vo.json", "@vo.json"),
            ("", "''"),
            ("a b", "'a b'"),
            ("{\"name\":\"it's $HOME `x`\"}", "'{\"name\":\"it'\\''s $HOME `x`\"}'"),
        ] {
            assert_eq!(shell_word(word), quoted);
            let said = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {quoted}")])
                .output()
                .unwrap();
            assert_eq!(String::from_utf8(said.stdout).unwrap(), word);
        }
    }

    #[test]
    fn json_is_the_same_to_a_program() {
        let value = serde_json::json!({ STEERING: [STEERING, "è \u{1F600}"] });
        for json in [value.to_string(), format!("{value:#}")] {
            let shown = shown_json(&json);
            assert!(shown.chars().all(|c| !steers(c) || c == '\n'), "{shown:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
        }
        assert!(matches!(shown_json("{\"a\":\"è\"}"), Cow::Borrowed(_)));
    }
}
