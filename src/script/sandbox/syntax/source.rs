//! A text that does not parse, with its tokens: which of them belong together, what is open at a place, and in what function
//! a place is.

use super::tokens::{self, Kind, Token};

/// Words before a `(` that make it no list of parameters.
const CONTROL: [&str; 6] = ["if", "for", "while", "switch", "catch", "with"];
/// Words with which a statement begins.
const STATEMENTS: [&str; 15] = [
    "const", "let", "var", "return", "if", "for", "while", "do", "throw", "switch", "try", "function",
    "class", "break", "continue",
];
/// Characters of a token that are shown.
const SHOWN: usize = 40;
/// White space at the beginning of a line that is compared.
const MAX_INDENTATION: usize = 400;
/// How many brackets outwards a `}` is compared with.
const MAX_OUTER: usize = 32;

/// See the module.
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    pub(super) tokens: Vec<Token>,
    /// The token where the parser stopped; their number where it came to the end.
    pub(super) at: usize,
    /// For each closing bracket and each opening one that is closed: the other one. A bracket of the wrong kind closes nothing.
    partners: Vec<Option<usize>>,
    /// The brackets, insertions and backticks that are open where the parser stopped, outermost first.
    pub(super) open: Vec<usize>,
}

/// What is open at a place.
#[derive(Default)]
struct Open {
    all: Vec<usize>,
    /// For each of them what closes it.
    closings: Vec<&'static str>,
    /// How many of them `}`, `)`, `]` and a backtick close: so that nothing is looked for that is not there.
    counts: [usize; 4],
}

impl Open {
    fn push(&mut self, index: usize, closing: &'static str) {
        self.all.push(index);
        self.closings.push(closing);
        self.counts[kind_of(closing)] += 1;
    }

    /// Closes the innermost that `closing` fits, and with it what is open within: the parser stops there, or has stopped before.
    fn close(&mut self, closing: &str) -> Option<usize> {
        while self.counts[kind_of(closing)] > 0 {
            let (index, known) = (self.all.pop()?, self.closings.pop()?);
            self.counts[kind_of(known)] -= 1;
            if known == closing {
                return Some(index);
            }
        }
        None
    }
}

fn kind_of(closing: &str) -> usize {
    match closing {
        "}" => 0,
        ")" => 1,
        "]" => 2,
        _ => 3,
    }
}

/// A function around a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Function {
    /// The token with which it begins.
    pub(super) at: usize,
    pub(super) is_async: bool,
}

impl<'a> Source<'a> {
    /// `stopped`: the offset at which the parser stopped.
    pub(super) fn new(text: &'a str, stopped: usize) -> Self {
        let tokens = tokens::scan(text);
        let at = tokens.partition_point(|token| token.end <= stopped);
        let mut source = Self { text, partners: vec![None; tokens.len()], tokens, at, open: Vec::new() };
        source.match_brackets();
        source
    }

    fn match_brackets(&mut self) {
        let (mut open, mut at_stop) = (Open::default(), None);
        for index in 0..self.tokens.len() {
            if index == self.at {
                at_stop = Some(open.all.clone());
            }
            match (self.tokens[index].kind, self.written(index)) {
                (Kind::Template, written) => {
                    let begins = !self.continues(index);
                    let ends = written.len() > usize::from(begins) && written.ends_with('`');
                    match (begins, ends && self.tokens[index].is_closed) {
                        (true, false) => open.push(index, "`"),
                        (false, true) => {
                            open.close("`");
                        }
                        _ => {}
                    }
                }
                (Kind::Mark, opening @ ("{" | "(" | "[" | "${")) => {
                    open.push(index, closes(opening).unwrap_or_default());
                }
                (Kind::Mark, closing @ ("}" | ")" | "]")) => {
                    if let Some(opening) = open.close(closing) {
                        (self.partners[index], self.partners[opening]) = (Some(opening), Some(index));
                    }
                }
                _ => {}
            }
        }
        self.open = at_stop.unwrap_or(open.all);
    }

    /// Whether a part of a template goes on behind an insertion.
    fn continues(&self, index: usize) -> bool {
        index > 0
            && self.is(index - 1, "}")
            && self.is_adjacent(index)
            && self.partner(index - 1).is_some_and(|opening| self.is(opening, "${"))
    }

    /// The text of a token; empty where there is none.
    pub(super) fn written(&self, index: usize) -> &'a str {
        self.tokens.get(index).map_or("", |token| &self.text[token.start..token.end])
    }

    /// Whether a token is this word or mark.
    pub(super) fn is(&self, index: usize, written: &str) -> bool {
        self.one_of(index, &[written])
    }

    pub(super) fn one_of(&self, index: usize, words: &[&str]) -> bool {
        self.tokens.get(index).is_some_and(|token| {
            matches!(token.kind, Kind::Word | Kind::Mark) && words.contains(&self.written(index))
        })
    }

    pub(super) fn kind(&self, index: usize) -> Option<Kind> {
        self.tokens.get(index).map(|token| token.kind)
    }

    pub(super) fn is_first(&self, index: usize) -> bool {
        self.tokens.get(index).is_none_or(|token| token.is_first)
    }

    /// Whether nothing stands between a token and the one before.
    pub(super) fn is_adjacent(&self, index: usize) -> bool {
        index > 0 && index < self.tokens.len() && self.tokens[index - 1].end == self.tokens[index].start
    }

    pub(super) fn partner(&self, index: usize) -> Option<usize> {
        self.partners.get(index).copied().flatten()
    }

    /// Line and column of a token, or of the end.
    pub(super) fn place(&self, index: usize) -> (u32, u32) {
        let end = || self.text.trim_end().len();
        tokens::position(self.text, self.tokens.get(index).map_or_else(end, |token| token.start))
    }

    /// A token in a sentence. Strings are not shown: they may be anybody's secrets.
    pub(super) fn shown(&self, index: usize) -> String {
        match self.kind(index) {
            None => "the end of the file".to_owned(),
            Some(Kind::Text | Kind::Template) => "a string".to_owned(),
            Some(Kind::Regex) => "a regular expression".to_owned(),
            Some(Kind::Comment) => "a comment".to_owned(),
            Some(_) => format!("`{}`", self.abridged(index)),
        }
    }

    /// What is written in a token, within code that a sentence shows: never more than a few characters, and nothing of a
    /// string.
    pub(super) fn abridged(&self, index: usize) -> String {
        match self.kind(index) {
            Some(Kind::Text | Kind::Template) => "\"…\"".to_owned(),
            _ => abridged(self.written(index)),
        }
    }

    /// Whether an expression may end with a token.
    pub(super) fn ends_value(&self, index: usize) -> bool {
        match self.kind(index) {
            Some(Kind::Word) => !STATEMENTS.contains(&self.written(index)),
            Some(Kind::Mark) => self.one_of(index, &[")", "]", "}"]),
            Some(Kind::Number | Kind::Text | Kind::Regex | Kind::Template) => true,
            _ => false,
        }
    }

    /// Whether an expression may begin with a token.
    pub(super) fn begins_value(&self, index: usize) -> bool {
        match self.kind(index) {
            Some(Kind::Mark) => self.one_of(index, &["{", "[", "...", "!"]),
            Some(Kind::Word | Kind::Number | Kind::Text | Kind::Regex | Kind::Template) => true,
            _ => false,
        }
    }

    /// Whether a token can only begin a statement.
    pub(super) fn begins_statement(&self, index: usize) -> bool {
        self.is_first(index) && self.one_of(index, &STATEMENTS)
    }

    /// The innermost bracket that is open.
    pub(super) fn innermost(&self) -> Option<usize> {
        self.open.last().copied()
    }

    /// The function whose parameters begin at a `(`.
    pub(super) fn function_with_parameters(&self, opening: usize) -> Option<Function> {
        let closing = self.partner(opening)?;
        if self.is(closing + 1, "=>") || self.is(closing + 1, ":") && self.annotated_arrow(closing + 1) {
            return Some(self.marked_async(opening));
        }
        let name = opening.checked_sub(1)?;
        let star =
            |index: usize| index.checked_sub(1).filter(|before| self.is(*before, "*")).unwrap_or(index);
        if self.is(name, "function") {
            return Some(self.marked_async(name));
        }
        let before = star(name).checked_sub(1);
        if let Some(before) = before.filter(|before| self.is(star(name), "*") && self.is(*before, "function"))
        {
            return Some(self.marked_async(before));
        }
        if let Some(before) = before.filter(|before| self.is(*before, "function")) {
            return Some(self.marked_async(before));
        }
        let is_method = matches!(self.kind(name), Some(Kind::Word | Kind::Text | Kind::Number))
            && !self.one_of(name, &CONTROL)
            && (self.is(closing + 1, "{") || self.is(closing + 1, ":"));
        is_method.then(|| self.marked_async(star(name)))
    }

    /// Whether what stands behind the parameters of a function of TypeScript leads to an arrow.
    fn annotated_arrow(&self, colon: usize) -> bool {
        (colon + 1..colon + 8).take_while(|index| !self.is_first(*index)).any(|index| self.is(index, "=>"))
    }

    fn marked_async(&self, at: usize) -> Function {
        match at.checked_sub(1) {
            Some(before) if self.is(before, "async") => Function { at: before, is_async: true },
            _ => Function { at, is_async: false },
        }
    }

    /// The function whose body begins at a `{`.
    fn function_with_body(&self, opening: usize) -> Option<Function> {
        let before = opening.checked_sub(1)?;
        if self.is(before, "=>") {
            return self.arrow(before);
        }
        self.function_with_parameters(self.partner(before).filter(|_| self.is(before, ")"))?)
    }

    /// The function of a `=>`.
    fn arrow(&self, arrow: usize) -> Option<Function> {
        let before = arrow.checked_sub(1)?;
        let parameters = if self.is(before, ")") { self.partner(before)? } else { before };
        Some(self.marked_async(parameters))
    }

    /// The innermost function around the place where the parser stopped; `None` at the top of the file.
    pub(super) fn function(&self) -> Option<Function> {
        let mut until = self.at;
        for opening in self.open.iter().rev().copied().map(Some).chain([None]) {
            let inside = opening.map_or(0, |opening| opening + 1);
            if let Some(arrow) = self.arrow_without_braces(inside, until) {
                return self.arrow(arrow);
            }
            if let Some(function) = opening.and_then(|opening| self.function_with_body(opening)) {
                return Some(function);
            }
            until = opening.unwrap_or(0);
        }
        None
    }

    /// The `=>` whose body without braces goes from between `begin` and `end` to beyond `end`, at one depth.
    fn arrow_without_braces(&self, begin: usize, end: usize) -> Option<usize> {
        let (mut index, mut found) = (begin, None);
        while index < end {
            match self.partner(index) {
                Some(closing) if closing > index => {
                    index = closing + 1;
                    continue;
                }
                _ => {}
            }
            if self.is(index, "=>") {
                // What has braces ends with them.
                found = (!self.is(index + 1, "{")).then_some(index).or(found);
            } else if self.one_of(index, &[",", ";"])
                || index > begin
                    && self.is_first(index)
                    && self.ends_value(index - 1)
                    && self.begins_value(index)
            {
                found = None;
            }
            index += 1;
        }
        found
    }

    /// Whether a `{` begins an object.
    pub(super) fn is_object(&self, opening: usize) -> bool {
        let Some(before) = opening.checked_sub(1) else { return false };
        self.is(opening, "{")
            && (self.one_of(before, &["=", "(", "[", ",", ":", "?", "||", "&&", "??", "+=", "..."])
                || self.is(before, "return") && !self.is_first(opening))
    }

    /// Whether a `{` begins a class.
    pub(super) fn is_class(&self, opening: usize) -> bool {
        let begin = opening.saturating_sub(6);
        self.is(opening, "{")
            && (begin..opening)
                .rev()
                .take_while(|index| !self.one_of(*index, &[";", "{", "}", ")"]))
                .any(|index| self.is(index, "class"))
    }

    /// Of what is open at the end of the file: the bracket that was meant to be closed. The indentation tells which: where a `}`
    /// stands under the beginning of an outer line, it was meant for that, and the one that it closes is open.
    pub(super) fn never_closed(&self) -> Option<(usize, Option<usize>)> {
        let last = self.innermost()?;
        let mut open = vec![last];
        for index in last + 1..self.tokens.len() {
            let Some(opening) = self.partner(index).filter(|partner| *partner < index) else {
                if closes(self.written(index)).is_some() {
                    open.push(index);
                }
                continue;
            };
            open.truncate(open.iter().rposition(|open| *open == opening).unwrap_or(open.len()));
            if !self.is_first(index) || !self.is(index, "}") || opening < last {
                continue;
            }
            let here = self.indentation(index);
            let is_here = |outer: &usize| self.indentation(*outer) == here;
            if self.indentation(opening) != here && open.iter().rev().take(MAX_OUTER).any(is_here) {
                return Some((opening, Some(index)));
            }
        }
        Some((last, None))
    }

    /// The white space that the line of a token begins with.
    fn indentation(&self, index: usize) -> &'a str {
        let line = &self.text.as_bytes()[self.tokens[index].line..];
        let length =
            line.iter().take(MAX_INDENTATION).take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        &self.text[self.tokens[index].line..][..length]
    }
}

/// A name in a sentence, which is not longer for it.
pub(super) fn abridged(name: &str) -> String {
    match name.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// What closes a bracket.
pub(super) fn closes(opening: &str) -> Option<&'static str> {
    match opening {
        "{" | "${" => Some("}"),
        "(" => Some(")"),
        "[" => Some("]"),
        _ => None,
    }
}
