//! A place in a source file as a person wants to see it: the lines around it, with a caret under the column.
//!
//! The text is an author's: what would steer a terminal is written out, so a frame may be printed as it is, line by line.
//! It is kept and logged, so what looks like a key is hidden.

use std::borrow::Cow;
use std::fmt::Write;

use unicode_width::UnicodeWidthChar;

use super::mask::hide_in_code;
use super::text::shown;

/// Lines shown before the one that is meant, and after it.
const BEFORE: usize = 2;
/// See [`BEFORE`].
const AFTER: usize = 1;
/// Characters of a line that are shown; a longer one is shown around the column.
const WINDOW: usize = 120;

/// The lines around `line` of `text`, of which `column` counts characters; both from 1. A column behind the end of the
/// line is its end. `None` when there is no such line.
///
/// ```text
///   3 | function sum(list) {
///   4 |   let total = 0;
/// > 5 |   return totl;
///     |          ^
///   6 | }
/// ```
#[must_use]
pub fn code_frame(text: &str, line: u32, column: u32) -> Option<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let index = usize::try_from(line).ok()?.checked_sub(1)?;
    let first = index.saturating_sub(BEFORE);
    let mut lines: Vec<&str> = Lines(Some(text)).skip(first).take(index - first + 1 + AFTER).collect();
    let meant = *lines.get(index - first)?;
    while lines.len() > index - first + 1 && lines.last().is_some_and(|line| line.trim().is_empty()) {
        lines.pop();
    }
    let length = meant.chars().count();
    let column = usize::try_from(column).ok()?.saturating_sub(1).min(length);
    // All lines are cut alike, so that what stands above each other in the file does so here.
    let start = if column < WINDOW - 20 { 0 } else { column - WINDOW / 2 };
    let gutter = (first + lines.len()).to_string().len();
    let mut frame = String::new();
    for (number, line) in (first + 1..).zip(&lines) {
        let mark = if number == index + 1 { '>' } else { ' ' };
        let shown = format!("{mark} {number:gutter$} | {}", window(&hide_in_code(line), start));
        // Writing to a String cannot fail.
        let _ = writeln!(frame, "{}", shown.trim_end());
        if number == index + 1 {
            let _ = writeln!(frame, "  {:gutter$} | {}^", "", padding(line, start, column));
        }
    }
    frame.pop();
    Some(frame)
}

/// What of a line is shown, with a mark where something is left out.
fn window(line: &str, start: usize) -> String {
    let mut shown = String::from(if start > 0 && !line.is_empty() { "…" } else { "" });
    let mut rest = line.chars().skip(start);
    rest.by_ref().take(WINDOW).for_each(|c| shown.push_str(&visible(c)));
    if rest.next().is_some() {
        shown.push('…');
    }
    shown
}

/// What stands before the caret: as wide as what stands before the column, tabs as tabs.
fn padding(line: &str, start: usize, column: usize) -> String {
    let mut padding = String::from(if start > 0 { " " } else { "" });
    for c in line.chars().skip(start).take(column - start) {
        if c == '\t' {
            padding.push('\t');
        } else {
            let width: usize = visible(c).chars().map(|c| c.width().unwrap_or(0)).sum();
            padding.extend(std::iter::repeat_n(' ', width));
        }
    }
    padding
}

/// A character as it is shown.
fn visible(c: char) -> Cow<'static, str> {
    if c == '\t' { "\t".into() } else { shown(c.encode_utf8(&mut [0; 4])).into() }
}

/// Lines as JavaScript counts them (ECMA-262, 12.3): they end with LF, CR, both, U+2028 or U+2029.
struct Lines<'a>(Option<&'a str>);

impl<'a> Iterator for Lines<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let text = self.0?;
        let Some(end) = text.find(['\n', '\r', '\u{2028}', '\u{2029}']) else {
            return self.0.take();
        };
        let (line, rest) = text.split_at(end);
        let ending = if rest.starts_with("\r\n") { 2 } else { rest.chars().next().map_or(0, char::len_utf8) };
        self.0 = Some(&rest[ending..]);
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(text: &str, line: u32, column: u32) -> String {
        code_frame(text, line, column).unwrap()
    }

    #[test]
    fn two_lines_before_and_one_after_with_a_caret_under_the_column() {
        let text = "one\ntwo\nthree\n  four\n\nsix\n";
        assert_eq!(frame(text, 4, 3), "  2 | two\n  3 | three\n> 4 |   four\n    |   ^");
        assert_eq!(frame(text, 1, 1), "> 1 | one\n    | ^\n  2 | two");
        assert_eq!(frame("a\r\nb\rc\u{2028}d", 4, 1), "  2 | b\n  3 | c\n> 4 | d\n    | ^");
        assert_eq!(frame("x", 1, 99), "> 1 | x\n    |  ^", "behind the end is the end");
        assert_eq!(frame("", 1, 1), "> 1 |\n    | ^");
        assert_eq!(code_frame(text, 8, 1), None);
        assert_eq!(code_frame(text, 0, 1), None);
        assert_eq!(code_frame(text, u32::MAX, u32::MAX), None);
    }

    #[test]
    fn line_numbers_stand_in_one_column() {
        let text = "x\n".repeat(100);
        assert_eq!(frame(&text, 99, 1), "   97 | x\n   98 | x\n>  99 | x\n      | ^\n  100 | x");
    }

    #[test]
    fn the_caret_stands_under_the_column_whatever_is_before_it() {
        assert_eq!(frame("\t\tx", 1, 3), "> 1 | \t\tx\n    | \t\t^");
        assert_eq!(frame("'漢字' x", 1, 6), "> 1 | '漢字' x\n    |        ^");
        assert_eq!(frame("e\u{301} x", 1, 4), "> 1 | e\u{301} x\n    |   ^", "a mark takes no room");
        assert_eq!(frame("\u{feff}x", 1, 1), "> 1 | x\n    | ^");
    }

    #[test]
    fn what_would_steer_a_terminal_is_written_out() {
        let frame = frame("a\u{1b}[2J\u{202e}b\0c", 1, 7);
        assert_eq!(
            frame,
            format!("> 1 | a\\u{{1b}}[2J\\u{{202e}}b\\u{{0}}c\n    | {}^", " ".repeat(1 + 6 + 3 + 8))
        );
    }

    #[test]
    fn a_long_line_is_shown_around_the_column() {
        let text = format!("short\n{}X{}\n", "a".repeat(5000), "b".repeat(5000));
        let frame = frame(&text, 2, 5001);
        let lines: Vec<_> = frame.lines().collect();
        assert_eq!(lines[0], "  1 | …");
        assert_eq!(lines[1], format!("> 2 | …{}X{}…", "a".repeat(60), "b".repeat(59)));
        let caret = lines[2].find('^').unwrap();
        assert_eq!(lines[1].chars().nth(caret), Some('X'));
        let near = code_frame(&text, 2, 90).unwrap();
        assert!(near.lines().nth(1).unwrap().starts_with("> 2 | aaa"), "{near}");
    }
}
