//! Text to TOML, without trusting the text to be shallow.
//!
//! The parser goes 80 brackets deep, and 80 segments into each dotted key inside: thousands of nested tables in a
//! file of a few kilobytes, which take a stack of several megabytes to read and to drop. So the text is parsed on a
//! stack of its own that is large enough, and what is nested deeper than anybody writes never leaves it.

use std::thread;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Deep enough for everybody's parameters, shallow enough for every stack.
const DEEPEST: usize = 64;
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
    let errors = errors.iter().map(|error| {
        // Only the end of the text has no span.
        let message = error.message().trim_end_matches(", expected nothing");
        (error.span().map_or(text.len(), |span| span.start), message.to_owned())
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
    fn nesting_that_people_write_is_fine() {
        assert_eq!(errors(&format!("{}a = {}{}", "a.".repeat(30), "[".repeat(30), "]".repeat(30))), []);
    }
}
