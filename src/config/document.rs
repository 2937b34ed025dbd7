//! Text to TOML, without trusting the text to be shallow.
//!
//! The parser goes 80 brackets deep, and 80 segments into each dotted key inside: thousands of nested tables in a
//! file of a few kilobytes, which take a stack of several megabytes to read and to drop. So the text is parsed on a
//! stack of its own that is large enough, and what is nested deeper than anybody writes never leaves it.

use std::ops::Range;
use std::thread;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::reader::shown;
use crate::base::Place;

/// Deep enough for everybody's parameters, shallow enough for every stack.
const DEEPEST: usize = 64;
/// For so many keys that are there twice it is looked up where they were first: the text before them is parsed once more.
const MOST_LOOKED_UP: usize = 20;
const PROBE: &str = "_probe_of_boatswain_";
/// Only the pages that are touched are ever taken.
const STACK_BYTES: usize = 128 * 1024 * 1024;

/// A parsed text; where it has syntax errors, what could be made of it.
pub(super) struct Document<'a> {
    /// The top level.
    pub root: DeTable<'a>,
    /// What breaks the rules of TOML: a byte offset and a sentence each.
    pub errors: Vec<(usize, String)>,
}

/// Parses `text`.
pub(super) fn parse(text: &str) -> Document<'_> {
    let parsed = thread::scope(|scope| {
        let parser = thread::Builder::new().stack_size(STACK_BYTES).spawn_scoped(scope, || parse_here(text));
        parser.ok().and_then(|parser| parser.join().ok())
    });
    // No room for one more thread, or a fault of the parser's: saying so beats ending.
    parsed.unwrap_or_else(|| Document {
        root: DeTable::new(),
        errors: vec![(0, "it could not be parsed".to_owned())],
    })
}

fn parse_here(text: &str) -> Document<'_> {
    let (mut root, errors) = DeTable::parse_recoverable(text);
    let mut looked_up = 0;
    let errors = errors.iter().map(|error| {
        // Only the end of the text has no span.
        let span = error.span().unwrap_or(text.len()..text.len());
        let message = match error.message() {
            "duplicate key" if looked_up < MOST_LOOKED_UP => {
                looked_up += 1;
                duplicate(text, span.clone())
            }
            message => message.trim_end_matches(", expected nothing").to_owned(),
        };
        (span.start, message)
    });
    let mut errors: Vec<_> = errors.collect();
    for (key, value) in root.get_mut().iter_mut() {
        if depth(value) > DEEPEST {
            errors.push((key.span().start, format!("values are nested more than {DEEPEST} deep in here")));
            *value.get_mut() = DeValue::Table(DeTable::new());
        }
    }
    Document { root: root.into_inner(), errors }
}

/// What is there twice, and where it was first, which the parser keeps to itself.
fn duplicate(text: &str, key: Range<usize>) -> String {
    let before = &text[..key.start];
    let line = before.rfind('\n').map_or(0, |end| end + 1);
    let opening = text[line..key.start].trim_start();
    let header = opening.starts_with('[') && !opening.contains('{');
    let name = text[key.clone()].trim_matches(['"', '\'']);
    let what = if header {
        let path = text[line..key.end].trim_start_matches([' ', '\t', '[']);
        format!("duplicate section `[{}]`", path.split('.').map(shown).collect::<Vec<_>>().join("."))
    } else {
        format!("duplicate key `{}`", shown(name))
    };
    // A key that nobody uses, put in its place, lands in the table that it would have been in.
    let probe = format!("{before}{PROBE}{}", if header { "]" } else { " = 0" });
    let (root, _) = DeTable::parse_recoverable(&probe);
    let first = table_with(root.get_ref(), PROBE).and_then(|table| table.get_key_value(name));
    let Some((first, _)) = first else { return what };
    format!("{what}, which is on line {} already", Place::position_of(text, first.span().start).0)
}

/// The table that has this key, however deep.
fn table_with<'t, 'a>(table: &'t DeTable<'a>, key: &str) -> Option<&'t DeTable<'a>> {
    if table.contains_key(key) {
        return Some(table);
    }
    table.values().find_map(|value| in_value(value, key))
}

fn in_value<'t, 'a>(value: &'t Spanned<DeValue<'a>>, key: &str) -> Option<&'t DeTable<'a>> {
    match value.get_ref() {
        DeValue::Table(table) => table_with(table, key),
        DeValue::Array(elements) => elements.iter().find_map(|element| in_value(element, key)),
        _ => None,
    }
}

fn depth(value: &Spanned<DeValue<'_>>) -> usize {
    let deepest = match value.get_ref() {
        DeValue::Array(elements) => elements.iter().map(depth).max(),
        DeValue::Table(table) => table.values().map(depth).max(),
        _ => None,
    };
    1 + deepest.unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(text: &str) -> Vec<(usize, String)> {
        parse(text).errors
    }

    #[test]
    fn the_deepest_text_that_the_parser_takes_is_refused() {
        let path = "a.".repeat(79) + "a";
        let inner = format!("{{ {} = ", "a.".repeat(78) + "a").repeat(78);
        let text = format!("[{path}]\n{path} = {inner} 1 {}", " }".repeat(78));
        assert_eq!(errors(&text), [(1, "values are nested more than 64 deep in here".to_owned())]);
    }

    #[test]
    fn deeper_texts_are_the_parsers_to_refuse() {
        assert!(!errors(&format!("x = {}{}", "[".repeat(50_000), "]".repeat(50_000))).is_empty());
        assert!(!errors(&format!("{}a = 1", "a.".repeat(100_000))).is_empty());
    }

    #[test]
    fn what_is_there_twice_is_named_with_its_first_line() {
        for (text, message) in [
            ("a = 1\n'b c' = 1\n\"b c\" = 2", "duplicate key `b c`, which is on line 2 already"),
            ("[a]\nx = 1\n[b]\nx = 1\ny = 2\nx = 3", "duplicate key `x`, which is on line 4 already"),
            ("[a.b]\n[c.b]\n [ c.b ]", "duplicate section `[c.b]`, which is on line 2 already"),
            ("a = [\n{ x = 1,\ny = 2,\nx = 2 }]", "duplicate key `x`, which is on line 2 already"),
            ("a.b = 1\na.c = 1\na.b = 2", "duplicate key `b`, which is on line 1 already"),
            ("a = 1\n[[a]]", "duplicate section `[a]`, which is on line 1 already"),
            ("[a.b]\n[a]\nb.c = 1", "duplicate key `b`, which is on line 1 already"),
        ] {
            let errors = errors(text);
            assert!(
                errors.iter().all(|(_, found)| found == message) && !errors.is_empty(),
                "{text}: {errors:?}"
            );
        }
        // A secret in a name's place is not shown.
        let secret = "0123456789abcdef0123456789abcdef";
        assert!(!errors(&format!("{secret} = 1\n{secret} = 2"))[0].1.contains(secret));
        assert!(!errors(&format!("[a.{secret}]\n[a.{secret}]"))[0].1.contains(secret));
    }

    #[test]
    fn nesting_that_people_write_is_fine() {
        assert_eq!(errors(&format!("{}a = {}{}", "a.".repeat(30), "[".repeat(30), "]".repeat(30))), []);
    }
}
