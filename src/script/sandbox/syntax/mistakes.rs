//! From what the parser says of a text to what its author did: the first rule that knows says it, and otherwise the parser.
//!
//! The parser stops at the token behind a mistake and says what it would have taken there. The author wants to know what to
//! write. So the rules look at the tokens around that place: the brackets that are open, the function, the words.

use boa_engine::ast::Position;
use boa_engine::parser::Error as ParseError;
use boa_engine::parser::lexer::Error as LexError;

use super::super::compile::Kind as FileKind;
use super::source::{Source, closes};
use super::tokens::Kind;
use super::{characters, tokens, typescript};

/// What is wrong with a text.
#[derive(Debug)]
pub(super) struct Mistake {
    /// A sentence.
    pub(super) message: String,
    /// Line and column.
    pub(super) at: (u32, u32),
    /// What to do.
    pub(super) help: Option<String>,
}

/// Where the parser stopped, and what it says.
struct Stop<'a> {
    source: Source<'a>,
    /// Its sentence, or the reason in it.
    said: String,
    /// What it was in, as it calls that.
    context: &'static str,
    expected: &'a [String],
    file: FileKind,
}

type Told = Option<Mistake>;

const RULES: [fn(&Stop<'_>) -> Told; 16] = [
    unclosed_token,
    strange_character,
    ended_text,
    module_syntax,
    types,
    await_outside_async,
    hash,
    foreign_word,
    reserved_word,
    object_with_equals,
    loop_word,
    misplaced_mark,
    never_closed,
    wrong_bracket,
    missing_bracket,
    missing_between,
];

/// What is wrong with `text`, of which the parser says `error`. Columns of line 1 are `shift` too large in the error.
pub(super) fn explain(text: &str, file: FileKind, error: &ParseError, shift: u32) -> Mistake {
    let (sentence, position) = sentence(error);
    let position = position.map(|at| match (at.line_number(), at.column_number()) {
        (1, column) => (1, column.saturating_sub(shift).max(1)),
        place => place,
    });
    let stopped = position.map_or(text.len(), |at| tokens::offset(text, at));
    let (said, context, expected): (_, _, &[String]) = match error {
        ParseError::Expected { expected, context, .. } => (String::new(), *context, expected),
        ParseError::Unexpected { message, .. } | ParseError::General { message, .. } => {
            (message.to_string(), "", &[])
        }
        _ => (sentence.clone(), "", &[]),
    };
    let stop = Stop { source: Source::new(text, stopped), said, context, expected, file };
    RULES.iter().find_map(|rule| rule(&stop)).unwrap_or_else(|| {
        let end = tokens::position(text, text.trim_end().len());
        Mistake { message: sentence, at: position.unwrap_or(end).min(end), help: None }
    })
}

/// The parser's sentence without the position that it repeats, and the position.
fn sentence(error: &ParseError) -> (String, Option<Position>) {
    match error {
        ParseError::Expected { expected, found, context, span } => {
            let expected: Vec<String> =
                expected
                    .iter()
                    .map(|token| {
                        if token == "line terminator" {
                            "a new line".to_owned()
                        } else {
                            format!("`{token}`")
                        }
                    })
                    .collect();
            let expected = match expected.as_slice() {
                [one] => one.clone(),
                [many @ .., last] => format!("{} or {last}", many.join(", ")),
                [] => "something else".to_owned(),
            };
            let context = match *context {
                "expected semicolon" => "class",
                "CoverParenthesizedExpressionAndArrowParameterList" => "parentheses",
                "lexical declaration binding list" => "declaration",
                context => context,
            };
            (format!("expected {expected}, found `{found}` in {context}"), Some(span.start()))
        }
        ParseError::Unexpected { message, found, span } => {
            let reason = match &**message {
                "" => String::new(),
                "primary expression" => ": an expression belongs here".to_owned(),
                message => format!(": {message}"),
            };
            (format!("unexpected `{found}`{reason}"), Some(span.start()))
        }
        ParseError::AbruptEnd => ("unexpected end of the file: something is not closed".to_owned(), None),
        ParseError::Lex { err: LexError::Syntax(message, position) } => {
            (message.to_string(), Some(*position))
        }
        ParseError::Lex { err: LexError::IO(error) } => (error.to_string(), None),
        ParseError::ScopeAnalysis { err } => ((*err).to_owned(), None),
        ParseError::General { message, position } => (message.to_string(), Some(*position)),
    }
}

#[allow(clippy::unnecessary_wraps)] // what a rule returns
impl Stop<'_> {
    fn told(&self, index: usize, message: impl Into<String>, help: impl Into<String>) -> Told {
        Some(Mistake { message: message.into(), at: self.source.place(index), help: Some(help.into()) })
    }

    fn told_plainly(&self, index: usize, message: impl Into<String>) -> Told {
        Some(Mistake { message: message.into(), at: self.source.place(index), help: None })
    }

    /// The token at which the parser stopped, and the one before.
    fn here(&self) -> impl Iterator<Item = usize> {
        [Some(self.source.at), self.source.at.checked_sub(1)].into_iter().flatten()
    }

    /// A place in a sentence.
    fn named(&self, index: usize) -> String {
        let (line, column) = self.source.place(index);
        format!("line {line}, column {column}")
    }
}

/// A string, template, regular expression or comment that goes on to where it may not.
fn unclosed_token(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let wanted: fn(Kind) -> bool = match &*stop.said {
        "unterminated string literal" => |kind| kind == Kind::Text,
        "unterminated multiline comment" => |kind| kind == Kind::Comment,
        "unterminated template literal" => |kind| kind == Kind::Template,
        "new lines are not allowed in regular expressions" | "abrupt end on regular expression" => {
            |kind| kind == Kind::Regex
        }
        _ => return None,
    };
    let index = source.tokens.iter().position(|token| !token.is_closed && wanted(token.kind))?;
    match source.kind(index)? {
        Kind::Text => {
            let written = source.written(index);
            let quote = written.chars().next()?;
            let help = characters::closing(written, quote).map_or_else(
                || format!("close it with `{quote}`; a string of several lines stands in backticks"),
                |last| format!("`{last}` (U+{:04X}) does not close it: write `{quote}`", u32::from(last)),
            );
            stop.told(index, "the string that begins here is not closed on its line", help)
        }
        Kind::Comment => {
            stop.told(index, "the comment that begins here is never closed", "close it with `*/`")
        }
        Kind::Regex => stop.told(
            index,
            "the regular expression that begins here is not closed on its line",
            "close it with `/`; where it is to divide, something is missing before it",
        ),
        _ => {
            let opening = source.open.iter().rev().find(|open| source.kind(**open) == Some(Kind::Template));
            let opening = opening.copied().unwrap_or(index);
            stop.told(opening, "the template that begins here is never closed", "close it with a backtick")
        }
    }
}

fn strange_character(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let is_strange = source.kind(source.at) == Some(Kind::Strange) || source.is(source.at, "@");
    let c = source.written(source.at).chars().next().filter(|_| is_strange)?;
    let (message, help) = characters::told(c);
    stop.told(source.at, message, help)
}

/// `'it's'`
fn ended_text(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let text = source.at.checked_sub(1)?;
    let is_text = matches!(source.kind(text), Some(Kind::Text | Kind::Template));
    let goes_on =
        matches!(source.kind(source.at), Some(Kind::Word | Kind::Number)) && source.is_adjacent(source.at);
    if !is_text || !goes_on {
        return None;
    }
    let quote = source.written(text).chars().next_back()?;
    let help = match quote {
        '\'' => "an apostrophe closes it: write `\\'`, or put the string into double quotes".to_owned(),
        '"' => "a double quote closes it: write `\\\"`, or put the string into single quotes".to_owned(),
        _ => {
            let begins = |index: &usize| {
                source.kind(*index) == Some(Kind::Template) && source.written(*index).starts_with('`')
            };
            let text = (0..=text).rev().find(begins).unwrap_or(text);
            let (begins, ends) = (source.place(text).0, source.place(source.at).0);
            if begins != ends {
                let message = format!(
                    "the template that begins here ends in line {ends}, before {}",
                    source.shown(source.at)
                );
                return stop.told(
                    text,
                    message,
                    "close it where it ends; a backtick within it is written with a `\\` before it",
                );
            }
            "a backtick closes it: write it with a `\\` before it".to_owned()
        }
    };
    let message = format!("the string ends before {}", source.shown(source.at));
    stop.told(source.at, message, help)
}

/// `import` and `export`.
fn module_syntax(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let is_one = |index: &usize| {
        let begins = index
            .checked_sub(1)
            .is_none_or(|before| source.is_first(*index) || source.one_of(before, &[";", "}", "{"]));
        source.one_of(*index, &["import", "export"]) && begins && !source.one_of(index + 1, &["(", ".", "="])
    };
    let word = stop.here().find(is_one).filter(|_| typescript::of(source).is_none())?;
    if source.is(word, "import") {
        stop.told(word, "`import` is not available", "write `const x = require(\"./lib/x\")`")
    } else {
        let help = "an action returns its value, a file in lib/ sets `module.exports`";
        stop.told(word, "`export` is not available", help)
    }
}

fn types(stop: &Stop<'_>) -> Told {
    let (index, written) = typescript::of(&stop.source)?;
    let message = format!("`{written}` is TypeScript, and actions are plain JavaScript");
    let help = "leave types out, or write them as JSDoc comments, which editors read: docs/types.md";
    stop.told(index, message, help)
}

fn await_outside_async(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let is_await = |index: &usize| {
        source.is(*index, "await") && index.checked_sub(1).is_none_or(|before| !source.is(before, "."))
    };
    let word = stop.here().find(is_await)?;
    match source.function() {
        Some(function) if !function.is_async => {
            let begin = function.at;
            let named = source.is(begin, "function") && source.kind(begin + 1) == Some(Kind::Word);
            let written = source.written(begin);
            let written =
                if named { format!("{written} {}", source.written(begin + 1)) } else { written.to_owned() };
            let help = format!("write `async` before `{written}` in {}", stop.named(begin));
            stop.told(word, "`await` stands in a function that is not async", help)
        }
        None if stop.file == FileKind::Module => stop.told(
            word,
            "`await` stands at the top of a module, which cannot wait: require gives its exports at once",
            "export an async function, and await that where it is called",
        ),
        _ => None,
    }
}

/// `# a comment`
fn hash(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let is_comment = |index: &usize| {
        let before = index.checked_sub(1);
        source.is(*index, "#")
            && before.is_none_or(|before| source.is_first(*index) || source.one_of(before, &[";", "{", "}"]))
            && !source.innermost().is_some_and(|open| source.is_class(open))
    };
    let index = stop.here().find(is_comment)?;
    stop.told(index, "`#` begins no comment", "a comment begins with `//`")
}

/// Words of other languages.
fn foreign_word(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let instead = |index: usize| {
        let is_operand = index > 0 && source.ends_value(index - 1);
        Some(match source.written(index) {
            "and" if is_operand => "&&",
            "or" if is_operand => "||",
            "not" => "!",
            "elif" | "elsif" | "elseif" => "else if",
            "def" | "fn" | "func" | "fun" | "sub"
                if source.is_first(index) && source.kind(index + 1) == Some(Kind::Word) =>
            {
                "function"
            }
            _ => return None,
        })
    };
    let is_word = |index: &usize| source.kind(*index) == Some(Kind::Word);
    // `elif (…) {`
    let called = source.at.checked_sub(1).and_then(|before| source.partner(before)?.checked_sub(1));
    let called = called.filter(|word| source.is(source.at, "{") && source.written(*word).starts_with("el"));
    let (index, instead) =
        stop.here().chain(called).filter(is_word).find_map(|index| Some((index, instead(index)?)))?;
    let message = format!("{} is no word of JavaScript", source.shown(index));
    stop.told(index, message, format!("write `{instead}`"))
}

fn reserved_word(stop: &Stop<'_>) -> Told {
    if !stop.said.ends_with("reserved word cannot be an identifier") {
        return None;
    }
    let message =
        format!("{} is a word of the language, and cannot be a name", stop.source.shown(stop.source.at));
    stop.told(stop.source.at, message, "choose another name")
}

/// `{ a = 1 }`
fn object_with_equals(stop: &Stop<'_>) -> Told {
    if !stop.said.starts_with("invalid object literal") {
        return None;
    }
    let source = &stop.source;
    let mut around = Vec::new();
    for index in 0..source.tokens.len() {
        if source.kind(index) == Some(Kind::Mark) && closes(source.written(index)).is_some() {
            let inside = around.last() == Some(&Around::Pattern) || begins_pattern(source, index);
            around.push(if inside {
                Around::Pattern
            } else if source.is_object(index) {
                Around::Object
            } else {
                Around::Other
            });
        } else if source.one_of(index, &["}", ")", "]"]) {
            around.pop();
        } else if around.last() == Some(&Around::Object)
            && source.kind(index) == Some(Kind::Word)
            && source.is(index + 1, "=")
            && source.one_of(index.saturating_sub(1), &["{", ","])
        {
            let help = format!("write `{}: …`", source.written(index));
            return stop.told(index + 1, "`=` stands in an object, where `:` belongs", help);
        }
    }
    None
}

/// What a bracket is.
#[derive(PartialEq, Eq)]
enum Around {
    Object,
    /// What a value is taken apart by, where `=` gives a default.
    Pattern,
    Other,
}

fn begins_pattern(source: &Source<'_>, opening: usize) -> bool {
    let before = opening.checked_sub(1);
    let is_taken =
        || source.partner(opening).is_some_and(|closing| source.one_of(closing + 1, &["=", "of", "in"]));
    if source.is(opening, "(") {
        before.is_some_and(|before| source.is(before, "catch"))
            || source.function_with_parameters(opening).is_some()
    } else {
        before.is_some_and(|before| source.one_of(before, &["const", "let", "var"])) || is_taken()
    }
}

/// `break` and `continue` where there is no loop. The parser tells no place.
fn loop_word(stop: &Stop<'_>) -> Told {
    let word = match &*stop.said {
        "illegal break statement" => "break",
        "illegal continue statement" => "continue",
        _ => return None,
    };
    let source = &stop.source;
    // For each brace: whether a `break` belongs to it.
    let mut loops: Vec<Option<bool>> = Vec::new();
    for index in 0..source.tokens.len() {
        if source.one_of(index, &["{", "${"]) {
            loops.push(source.loop_with_body(index, word == "break"));
        } else if source.is(index, "}") {
            loops.pop();
        } else if source.is(index, word) {
            let is_alone = index
                .checked_sub(1)
                .is_none_or(|before| source.one_of(before, &["{", "}", ";"]) || source.is_first(index));
            let innermost = loops.iter().rev().find_map(|is_loop| *is_loop);
            if is_alone && !innermost.unwrap_or(false) {
                let help = if word == "break" {
                    "in a function that a list calls `return` ends that one call; a loop is `for (const x of list) { … }`"
                } else {
                    "in a function that a list calls write `return`; a loop is `for (const x of list) { … }`"
                };
                return stop.told(index, format!("`{word}` stands in no loop"), help);
            }
        }
    }
    None
}

/// What the parser says of single marks and words in words of its own.
fn misplaced_mark(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let at = source.at;
    let before = at.checked_sub(1);
    let behind = |written: &str| before.is_some_and(|before| source.is(before, written));
    if source.is(at, ":") && stop.context == "argument list" {
        let help = "give an object, `{ name: value }`, where the function takes one";
        return stop.told(at, "arguments have no names", help);
    }
    let returned = source.innermost().filter(|open| {
        source.is(*open, "{")
            && source.is_first(*open)
            && open.checked_sub(1).is_some_and(|before| source.is(before, "return"))
    });
    if let Some(open) = returned.filter(|_| source.is(at, ":")) {
        return stop.told(
            open,
            "`return` ends with its line, and returns nothing",
            "begin the value on the line of `return`",
        );
    }
    if source.is(at, ">") && behind("=") {
        return stop.told(at, "an arrow is written `=>`, without a space", "write `=>`");
    }
    if stop.said == "Expecting Token '.' as part of spread" {
        return stop.told(at, "two dots mean nothing", "write one, or three before what is to be spread");
    }
    if source.is(at, "(") && behind("function") && stop.said == "function declaration" {
        return stop.told(at, "a function that begins a statement needs a name", "write `function NAME(…)`");
    }
    if source.is(at, "else") {
        let help = "it follows the `}` of an `if`, or the one statement that belongs to the `if`";
        return stop.told(at, "`else` follows no `if`", help);
    }
    if let Some(name) = before.filter(|before| {
        source.kind(*before) == Some(Kind::Word)
            && before.checked_sub(1).is_some_and(|before| source.one_of(before, &["const", "let", "var"]))
    }) {
        if source.is(at, "-") && source.kind(at + 1) == Some(Kind::Word) {
            return stop.told(at, "a name has no `-`", "write `firstName`, or `first_name`");
        }
        if stop.said == "Expected initializer for const declaration" {
            let message = format!("{} is a constant, and gets no value", source.shown(name));
            return stop.told(name, message, "write `= …`, or declare it with `let`");
        }
    }
    if stop.context.starts_with("cannot use '??'") {
        return stop.told(
            at,
            "`??` stands beside `||` or `&&` without parentheses",
            "put one of them into parentheses",
        );
    }
    if stop.context == "method definition"
        && source.innermost().is_some_and(|open| source.is_object(open))
        && let Some(name) = before.filter(|before| !source.begins_statement(*before))
    {
        let message = format!("`:` is missing between {} and {}", source.shown(name), source.shown(at));
        return stop.told_plainly(at, message);
    }
    None
}

/// The file ends, and something is open.
fn never_closed(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    if source.at < source.tokens.len() {
        return None;
    }
    let Some((opening, taken)) = source.never_closed() else {
        let last = source.tokens.len().checked_sub(1)?;
        let message = format!("the file ends behind {}, where something must follow", source.shown(last));
        return stop.told_plainly(last, message);
    };
    if source.kind(opening) == Some(Kind::Template) {
        return stop.told(
            opening,
            "the template that begins here is never closed",
            "close it with a backtick",
        );
    }
    let written = source.written(opening);
    let closing = closes(written).unwrap_or_default();
    let message = format!("`{written}` is never closed");
    let Some(taken) = taken else {
        return stop.told(opening, message, format!("write `{closing}` where it ends"));
    };
    // By its indentation.
    let (line, _) = source.place(taken);
    let message =
        format!("{message}: the `}}` of line {line} closes it, and stands where another one belongs");
    stop.told(opening, message, format!("write `}}` before line {line}"))
}

/// A closing bracket that fits to nothing.
fn wrong_bracket(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let closing = source.written(source.at);
    if !source.one_of(source.at, &["}", ")", "]"]) {
        return None;
    }
    let unexpected = |what: &str| stop.told_plainly(source.at, format!("unexpected `{closing}`: {what}"));
    let fits = |open: &usize| closes(source.written(*open)) == Some(closing);
    let Some(innermost) = source.innermost() else {
        return unexpected("nothing is open that it could close");
    };
    if fits(&innermost) {
        return None;
    }
    let wanted = closes(source.written(innermost))?;
    if source.open.iter().any(fits) {
        return missing(stop, wanted, innermost, source.at);
    }
    let opening = match closing {
        ")" => "(",
        "]" => "[",
        _ => "{",
    };
    unexpected(&format!("no `{opening}` is open that it could close"))
}

fn missing(stop: &Stop<'_>, closing: &str, opening: usize, at: usize) -> Told {
    let source = &stop.source;
    let message = format!("`{closing}` is missing before {}", source.shown(at));
    let help = format!("the `{}` in {} is still open", source.written(opening), stop.named(opening));
    stop.told(at, message, help)
}

/// A statement ends, or the next one begins, and a bracket is open.
fn missing_bracket(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let innermost = source.innermost()?;
    let opening = source.written(innermost);
    let is_for = innermost.checked_sub(1).is_some_and(|before| source.is(before, "for"));
    if is_for || !(source.is_object(innermost) || matches!(opening, "(" | "[" | "${")) {
        return None;
    }
    let closing = closes(opening)?;
    if opening == "${" {
        return missing(stop, closing, innermost, source.at);
    }
    if source.is(source.at, ";") {
        let is_name = matches!(source.kind(source.at + 1), Some(Kind::Word | Kind::Text));
        if opening == "{" && (is_name && source.is(source.at + 2, ":") || source.is(source.at + 1, "}")) {
            return stop.told(source.at, "`;` stands in an object", "its members are separated by `,`");
        }
        return missing(stop, closing, innermost, source.at);
    }
    let begins = |index: &usize| {
        *index > innermost
            && source.begins_statement(*index)
            && !source.one_of(*index, &["function", "class"])
    };
    let next = stop.here().find(begins)?;
    missing(stop, closing, innermost, next)
}

/// The word that a statement begins with, where a word is it but for one letter or two that changed places: `cosnt`.
fn misspelt(source: &Source<'_>, index: usize) -> Option<&'static str> {
    const WORDS: [&str; 16] = [
        "const", "let", "var", "return", "if", "else", "for", "while", "throw", "switch", "try", "function",
        "class", "async", "await", "import",
    ];
    let word = source.written(index);
    let is_one = source.kind(index) == Some(Kind::Word) && (3..=9).contains(&word.len());
    WORDS
        .into_iter()
        .find(|known| is_one && known.len() > 3 && word != *known && strsim::osa_distance(word, known) == 1)
}

/// Two expressions stand behind each other.
fn missing_between(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let before = source.at.checked_sub(1)?;
    if !source.begins_value(source.at) || !source.ends_value(before) {
        return None;
    }
    let found = source.shown(source.at);
    let expects = |wanted: &str| stop.expected.iter().any(|token| token == wanted);
    match stop.context {
        "object literal" if expects(",") => {
            stop.told_plainly(source.at, format!("`,` is missing before {found}"))
        }
        "argument list" if expects(",") => {
            stop.told_plainly(source.at, format!("`,` or an operator is missing before {found}"))
        }
        _ if stop.said == "expected comma or end of array" => {
            stop.told_plainly(source.at, format!("`,` or an operator is missing before {found}"))
        }
        _ if expects(";") => {
            if let Some(meant) = misspelt(source, before) {
                let message = format!("{} is no word of JavaScript", source.shown(before));
                return stop.told(before, message, format!("did you mean `{meant}`?"));
            }
            let message = format!("{found} cannot follow {}", source.shown(before));
            stop.told(source.at, message, "write an operator between them, or begin a new statement with `;`")
        }
        _ => None,
    }
}
