//! Where in a function's code an error was raised: between which two of the places that the engine has positions for.
//!
//! The engine tells an author the position of the counter, which is that of a whole region ([`suspects`](super::suspects)),
//! and gives the counter itself to nobody. It stands in what an error object writes for debugging, with the function's
//! table of positions, and is read from there. Where that has another form (after a change of the engine's version), there
//! are no neighbours: then the first of several suspects is named, and the others beside it.

use std::fmt::{self, Write};

use boa_engine::builtins::error::Error;
use boa_engine::object::JsObject;

use super::compile::PREFIX_COLUMNS;
use super::suspects::{At, Change, Suspect, Suspects};

/// Bytes that are looked through: a table has some sixty for each position.
const MAX_TEXT: usize = 1 << 20;

/// The positions before and behind the one at which an error was raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Neighbours {
    before: Option<At>,
    after: Option<At>,
}

impl Neighbours {
    /// Of an error, in its innermost function.
    pub(super) fn of(error: &JsObject) -> Option<Self> {
        let mut text = Bounded(String::new());
        write!(text, "{:?}", &*error.downcast_ref::<Error>()?).ok()?;
        Self::read(&text.0)
    }

    fn read(text: &str) -> Option<Self> {
        let (_, innermost) = text.rsplit_once("Bytecode { pc: ")?;
        let (counter, rest) = innermost.split_once(',')?;
        let counter: u32 = counter.parse().ok()?;
        let (_, table) = rest.split_once("entries: [")?;
        let (table, _) = table.split_once(']')?;
        let mut entries = table.split("Entry { pc: ").skip(1).map(entry);
        let (mut before, mut here) = (None, None);
        for entry in entries.by_ref() {
            let (pc, position) = entry?;
            if pc > counter {
                return Some(Self { before, after: position }).filter(|_| here.is_some());
            }
            before = here.replace(position).flatten();
        }
        here.map(|_| Self { before, after: None })
    }

    /// How well a suspect stands between them: each neighbour counts for it or against it, where it has one.
    pub(super) fn agreement(&self, suspects: &Suspects<'_>, suspect: &Suspect<'_>) -> i32 {
        let changes = &suspects.changes[suspect.function];
        let agrees = |holds: bool| if holds { 1 } else { -1 };
        let before = match suspect.after.checked_sub(1).map(|index| changes[index]) {
            Some(Change::Leave(at)) => agrees(self.before == Some(at)),
            _ => 0,
        };
        let entered = changes[suspect.after..].iter().map_while(|change| match change {
            Change::Enter(at) => Some(*at),
            Change::Leave(_) => None,
        });
        let entered: Vec<_> = entered.collect();
        let after = match self.after {
            _ if entered.is_empty() => 0,
            after => agrees(after.is_some_and(|at| entered.contains(&at))),
        };
        before + after
    }
}

/// `12, position: Some(Position { line_number: 3, column_number: 4 }) }`
fn entry(text: &str) -> Option<(u32, Option<At>)> {
    let (pc, position) = text.split_once(", position: ")?;
    let pc = pc.parse().ok()?;
    if position.starts_with("None") {
        return Some((pc, None));
    }
    let (line, column) = position.split_once("line_number: ")?.1.split_once(", column_number: ")?;
    let column: u32 = column.split_once(' ')?.0.parse().ok()?;
    let line = line.parse().ok()?;
    let column = if line == 1 { column.saturating_sub(PREFIX_COLUMNS) } else { column };
    Some((pc, Some((line, column))))
}

/// A text that becomes only so long.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > MAX_TEXT {
            return Err(fmt::Error);
        }
        self.0.push_str(text);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use boa_engine::{Context, Source};

    use super::*;

    #[test]
    fn the_neighbours_are_read_from_what_the_engine_writes() {
        let mut context = Context::default();
        let script = "\nfunction f() {\n  String(1);\n  nobody;\n  String(2);\n}\ntry { f(); } catch (error) { error }";
        let error = context.eval(Source::from_bytes(script)).unwrap().as_object().unwrap();
        let neighbours = Neighbours::of(&error).expect("the engine writes what it did");
        assert_eq!(neighbours, Neighbours { before: Some((3, 9)), after: Some((5, 9)) });
    }

    #[test]
    fn what_has_another_form_has_no_neighbours() {
        for text in [
            "",
            "Bytecode { pc: ",
            "Bytecode { pc: 7, entries: [",
            "Bytecode { pc: 7, entries: []",
            "Bytecode { pc: 7, entries: [Entry { pc: x, position: None }]",
            "Bytecode { pc: 7, entries: [Entry { pc: 1, position: Some(else) }]",
            "Bytecode { pc: 7, entries: [Entry { pc: 8, position: None }]",
        ] {
            assert_eq!(Neighbours::read(text), None, "{text}");
        }
    }
}
