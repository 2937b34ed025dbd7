//! How the members of an object or list are laid out in a log: as Node.js does it, whose output authors know.
//! (`util.inspect`, <https://nodejs.org/api/util.html#utilinspectobject-options>, with `compact` 3.)

use std::fmt::Write as _;

/// Levels of objects that may share a line.
const COMPACT: usize = 3;
/// The most columns of a list.
const COLUMNS: usize = 15;

/// An object or list that is about to be laid out.
pub(super) struct Parts<'a> {
    /// What stands before the brackets: a class, a function, an error with its stack.
    pub(super) head: &'a str,
    pub(super) brackets: (char, char),
    pub(super) members: Vec<String>,
    /// By how many characters the line that it begins on is indented.
    pub(super) indent: usize,
    /// Characters of a line.
    pub(super) width: usize,
    /// How many levels of objects lie in what was looked at last within it.
    pub(super) levels: usize,
}

impl Parts<'_> {
    /// Its text. `numbers` is whether a list has only numbers, which stand under each other by their last digit; `None`
    /// where it is no list.
    pub(super) fn lay_out(mut self, numbers: Option<bool>) -> String {
        let space = if self.head.is_empty() { "" } else { " " };
        let (open, close) = self.brackets;
        if self.members.is_empty() {
            return format!("{}{space}{open}{close}", self.head);
        }
        let count = self.members.len();
        if let Some(numbers) = numbers
            && count > 6
        {
            self.members = self.grouped(numbers);
        }
        if self.levels < COMPACT && count == self.members.len() && self.fits() {
            return format!("{}{space}{open} {} {close}", self.head, self.members.join(", "));
        }
        let indent = " ".repeat(self.indent);
        let members = self.members.join(&format!(",\n{indent}  "));
        format!("{}{space}{open}\n{indent}  {members}\n{indent}{close}", self.head)
    }

    /// Whether the members may stand on one line.
    fn fits(&self) -> bool {
        let members: usize = self.members.iter().map(|member| length(member) + 1).sum();
        let before = self.members.len() + self.indent + length(self.head) + 11;
        members + before <= self.width
            && !self.head.contains('\n')
            && !self.members.iter().any(|m| m.contains('\n'))
    }

    /// The members in columns, a line each, where they are of similar length.
    #[allow(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "small numbers, none of them negative"
    )]
    fn grouped(&self, numbers: bool) -> Vec<String> {
        // "... 5 more items" is no item.
        let rest = self.members.last().filter(|last| last.starts_with("... "));
        let items = &self.members[..self.members.len() - usize::from(rest.is_some())];
        let lengths: Vec<usize> = items.iter().map(|item| length(item)).collect();
        let longest = lengths.iter().copied().max().unwrap_or(0);
        let (total, most) = (lengths.iter().sum::<usize>() + 2 * items.len(), longest + 2);
        if most * 3 + self.indent >= self.width || !(total as f64 / most as f64 > 5.0 || longest <= 6) {
            return self.members.clone();
        }
        // About a square, for a character is two and a half times as high as wide.
        let bias = (most as f64 - total as f64 / self.members.len() as f64).sqrt();
        let biased = (most as f64 - 3.0 - bias).max(1.0);
        let square = ((2.5 * biased * items.len() as f64).sqrt() / biased).round() as usize;
        let columns = square.min((self.width - self.indent) / most).min(COMPACT * 4).min(COLUMNS);
        if columns <= 1 {
            return self.members.clone();
        }
        let widths: Vec<usize> = (0..columns)
            .map(|column| lengths.iter().skip(column).step_by(columns).copied().max().unwrap_or(0) + 2)
            .collect();
        let mut lines: Vec<String> = Vec::new();
        for row in items.chunks(columns) {
            let mut line = String::new();
            for (column, item) in row.iter().enumerate() {
                let last = column + 1 == row.len();
                let item = if last { item.clone() } else { format!("{item}, ") };
                let width = widths[column] - if last { 2 } else { 0 };
                let _ = match (numbers, last) {
                    (true, _) => write!(line, "{item:>width$}"),
                    (false, true) => write!(line, "{item}"),
                    (false, false) => write!(line, "{item:<width$}"),
                };
            }
            lines.push(line);
        }
        lines.extend(rest.cloned());
        lines
    }
}

/// Of a text, in characters.
pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}
