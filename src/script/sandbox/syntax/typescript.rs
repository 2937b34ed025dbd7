//! TypeScript in a file of JavaScript: what its authors write first where they come from it.

use super::source::Source;
use super::tokens::Kind;

/// Words before a declaration, where it is no JavaScript.
const DECLARATIONS: [&str; 6] = ["interface", "type", "enum", "namespace", "declare", "abstract"];
/// Words before a member of a class, or a parameter of its constructor.
const MODIFIERS: [&str; 7] =
    ["private", "public", "protected", "readonly", "abstract", "override", "declare"];
/// Words between a value and its type.
const CASTS: [&str; 2] = ["as", "satisfies"];
/// Tokens of a list of types that are looked at.
const MAX_TYPES: usize = 30;

/// Where the parser stopped at TypeScript: the token, and how it is written.
pub(super) fn of(source: &Source<'_>) -> Option<(usize, String)> {
    let at = source.at;
    let before = at.checked_sub(1);
    let here = [Some(at), before].into_iter().flatten();
    if let Some(word) = here.clone().find(|index| is_declaration(source, *index)) {
        return Some((word, source.abridged(word)));
    }
    if let Some(word) = here.clone().find(|index| is_modifier(source, *index)) {
        return Some((word, source.abridged(word)));
    }
    if let Some(word) = here.clone().find(|index| is_import_of_types(source, *index)) {
        return Some((word, format!("{} type", source.abridged(word))));
    }
    let before = before?;
    if source.one_of(at, &CASTS)
        && source.ends_value(before)
        && !source.is_first(at)
        && is_type(source, at + 1)
    {
        return Some((at, format!("{} {}", source.abridged(at), source.abridged(at + 1))));
    }
    if source.is(at, ":") && is_annotated(source, before) && is_type(source, at + 1) {
        return Some((at, format!(": {}", source.abridged(at + 1))));
    }
    if source.is(at, "?") && source.one_of(at + 1, &[":", ",", ")"]) && is_parameter(source, before) {
        return Some((at, "?".to_owned()));
    }
    let is_assertion = source.is(at, "!") && source.ends_value(before) && source.is_adjacent(at);
    if is_assertion && source.one_of(at + 1, &[".", "[", ")", ";", ","]) {
        return Some((at, "!".to_owned()));
    }
    let names_function = at >= 2 && source.one_of(at - 2, &["function", "class"]);
    if source.is(at, "<") && source.kind(before) == Some(Kind::Word) && names_function {
        return Some((at, "<…>".to_owned()));
    }
    types_of_call(source).map(|opening| (opening, "<…>".to_owned()))
}

fn begins_statement(source: &Source<'_>, index: usize) -> bool {
    index
        .checked_sub(1)
        .is_none_or(|before| source.is_first(index) || source.one_of(before, &[";", "{", "}", "export"]))
}

/// Whether a type may begin with a token.
fn is_type(source: &Source<'_>, index: usize) -> bool {
    matches!(source.kind(index), Some(Kind::Word | Kind::Text)) && !source.is_first(index)
        || source.one_of(index, &["{", "[", "("])
}

fn is_declaration(source: &Source<'_>, index: usize) -> bool {
    source.one_of(index, &DECLARATIONS)
        && begins_statement(source, index)
        && source.kind(index + 1) == Some(Kind::Word)
        && !source.is_first(index + 1)
        && (!source.is(index, "type") || source.one_of(index + 2, &["=", "<"]))
}

fn is_modifier(source: &Source<'_>, index: usize) -> bool {
    source.one_of(index, &MODIFIERS)
        && source.kind(index + 1) == Some(Kind::Word)
        && source.innermost().is_some_and(|open| {
            source.is_class(open)
                || open.checked_sub(1).is_some_and(|before| source.is(before, "constructor"))
        })
}

fn is_import_of_types(source: &Source<'_>, index: usize) -> bool {
    let is_listed = |index| source.is(index, "{") || source.kind(index) == Some(Kind::Word);
    source.is(index, "import")
        && source.is(index + 1, "type")
        && is_listed(index + 2)
        && !source.is(index + 2, "from")
        || source.is(index, "export") && source.one_of(index + 1, &["type", "interface", "enum", "declare"])
}

/// Whether what ends with a token may have a type in TypeScript: a name that is declared, a parameter, a function, a member
/// of a class.
fn is_annotated(source: &Source<'_>, last: usize) -> bool {
    if source.is(last, ")") {
        let is_function = |opening| source.function_with_parameters(opening).is_some();
        return source.partner(last).is_some_and(is_function);
    }
    let begin = if source.one_of(last, &["}", "]"]) { source.partner(last) } else { Some(last) };
    let declares = begin
        .and_then(|begin| begin.checked_sub(1))
        .is_some_and(|before| source.one_of(before, &["const", "let", "var"]));
    declares || is_parameter(source, last) || source.innermost().is_some_and(|open| source.is_class(open))
}

/// Whether the parser is in a list of parameters.
fn is_parameter(source: &Source<'_>, last: usize) -> bool {
    let is_name = source.kind(last) == Some(Kind::Word) || source.one_of(last, &["}", "]"]);
    is_name
        && source
            .innermost()
            .is_some_and(|open| source.is(open, "(") && source.function_with_parameters(open).is_some())
}

/// Where the types begin that are given to a function or class: `new Map<string, number>()`.
fn types_of_call(source: &Source<'_>) -> Option<usize> {
    let closing = (source.at.saturating_sub(3)..=source.at)
        .rev()
        .find(|index| source.is(*index, ">") && (source.is(index + 1, "(") || source.is(index + 1, "=")))?;
    let mut index = closing.checked_sub(1)?;
    let (mut depth, floor) = (1_usize, closing.saturating_sub(MAX_TYPES));
    while index > floor {
        if source.is(index, ">") {
            depth += 1;
        } else if source.is(index, "<") {
            depth -= 1;
            if depth == 0 {
                let is_name = source.kind(index - 1) == Some(Kind::Word) && source.is_adjacent(index);
                return (is_name && index + 1 < closing).then_some(index);
            }
        } else if !matches!(source.kind(index), Some(Kind::Word | Kind::Text))
            && !source.one_of(index, &[",", ".", "[", "]", "|", "&", "{", "}", ":"])
        {
            return None;
        }
        index -= 1;
    }
    None
}
