//! From what the parser says of a text to what its author did: the first rule that knows says it, and otherwise the parser.
//!
//! The parser stops at the token behind a mistake and says what it would have taken there. The author wants to know what to
//! write. So the rules look at the tokens around that place: the brackets that are open, the function, the words.

use boa_engine::ast::Position;
use boa_engine::interner::Interner;
use boa_engine::parser::Error as ParseError;
use boa_engine::parser::lexer::Error as LexError;

use super::super::compile::Kind as FileKind;
use super::source::{Source, closes};
use super::tokens::Kind;
use super::{characters, names, tokens, typescript};
use crate::base::cut;

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
    /// The reason in what it says.
    said: String,
    /// What it was in, as it calls that.
    context: &'static str,
    expected: &'a [String],
    file: FileKind,
}

type Told = Option<Mistake>;

/// Bytes of a sentence.
const MAX_MESSAGE: usize = 300;

const RULES: [fn(&Stop<'_>) -> Told; 23] = [
    open_insertion,
    unclosed_token,
    strange_character,
    ended_text,
    module_syntax,
    member_with_colon,
    types,
    await_outside_async,
    hash,
    foreign_word,
    ended_line,
    unknown_escape,
    reserved_word,
    object_with_equals,
    loop_word,
    declared_twice,
    word_in_class,
    head_without_parentheses,
    misplaced_mark,
    never_closed,
    wrong_bracket,
    missing_bracket,
    missing_between,
];

/// What is wrong with `text`, of which the parser says `error`. Columns of line 1 are `shift` too large in the error.
pub(super) fn explain(text: &str, file: FileKind, error: &ParseError, shift: u32) -> Mistake {
    let position = position(error).map(|at| match (at.line_number(), at.column_number()) {
        (1, column) => (1, column.saturating_sub(shift).max(1)),
        place => place,
    });
    let stopped = position.map_or(text.len(), |at| tokens::offset(text, at));
    let (context, expected): (_, &[String]) = match error {
        ParseError::Expected { expected, context, .. } => (*context, expected),
        _ => ("", &[]),
    };
    let stop = Stop { source: Source::new(text, stopped), said: reason(error), context, expected, file };
    let mistake = RULES.iter().find_map(|rule| rule(&stop)).unwrap_or_else(|| {
        let end = tokens::position(text, text.trim_end().len());
        let message = sentence(error, &stop.source.shown(stop.source.at));
        Mistake { message, at: position.unwrap_or(end).min(end), help: None }
    });
    // The parser names variables in some of its sentences, however long they are.
    Mistake { message: cut(&mistake.message, MAX_MESSAGE), ..mistake }
}

/// Where the parser stopped.
fn position(error: &ParseError) -> Option<Position> {
    match error {
        ParseError::Expected { span, .. } | ParseError::Unexpected { span, .. } => Some(span.start()),
        ParseError::Lex { err: LexError::Syntax(_, position) } | ParseError::General { position, .. } => {
            Some(*position)
        }
        _ => None,
    }
}

/// What the parser has against the token at which it stopped.
fn reason(error: &ParseError) -> String {
    match error {
        ParseError::Unexpected { message, .. }
        | ParseError::General { message, .. }
        | ParseError::Lex { err: LexError::Syntax(message, _) } => message.to_string(),
        ParseError::Lex { err: LexError::IO(error) } => error.to_string(),
        ParseError::ScopeAnalysis { err } => (*err).to_owned(),
        ParseError::Expected { .. } | ParseError::AbruptEnd => String::new(),
    }
}

/// The parser's sentence, without the position that it repeats. It would show the token at which it stopped as it is written,
/// and that may be a string: `found` stands there instead.
fn sentence(error: &ParseError, found: &str) -> String {
    match error {
        ParseError::Expected { expected, context, .. } => {
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
            format!("expected {expected}, found {found} in {context}")
        }
        ParseError::Unexpected { message, .. } => {
            let reason = match &**message {
                "" => String::new(),
                "primary expression" => ": an expression belongs here".to_owned(),
                message => format!(": {message}"),
            };
            format!("unexpected {found}{reason}")
        }
        ParseError::AbruptEnd => "unexpected end of the file: something is not closed".to_owned(),
        error => reason(error),
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

/// ``Hello ${vo.name`;``: the backtick that was to close the template begins another one.
fn open_insertion(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    // Within it a bracket may be open, and the other template too, where it goes on to the end of the file.
    let is_within = |open: &usize| source.one_of(*open, &["(", "["]) || !source.tokens[*open].is_closed;
    let innermost = source.open.iter().rev().copied().find(|open| !is_within(open));
    let opening = innermost.filter(|open| source.is(*open, "${"))?;
    let closing = (opening + 2..=source.at).find(|index| {
        source.kind(*index) == Some(Kind::Template)
            && source.written(*index).starts_with('`')
            && source.ends_value(index - 1)
    })?;
    let message = format!("this `${{` is not closed before the backtick in {}", stop.named(closing));
    stop.told(opening, message, "write `}` where what is inserted ends: `${…}`")
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
            let is_escaped = written
                .trim_end_matches([';', ')', ',', ' '])
                .strip_suffix(quote)
                .is_some_and(|rest| rest.ends_with('\\'));
            if is_escaped {
                let help =
                    format!("a quote behind `\\` does not close it; for the `\\` itself write `\\\\{quote}`");
                return stop.told(index, "the string that begins here is not closed on its line", help);
            }
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
            if source.place(text).0 != source.place(source.at).0 {
                let message = format!("the template that begins here ends before {}", stop.named(source.at));
                return stop.told(
                    text,
                    message,
                    "close it where it ends; a backtick within it is written with a `\\` before it",
                );
            }
            "a backtick closes it: write it with a `\\` before it".to_owned()
        }
    };
    // The word that follows was meant to be a part of the string, so it is not shown either.
    stop.told(source.at, "the string ends at the quote before this", help)
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

/// `class Shop { name: "Ada" }`
fn member_with_colon(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let (at, value) = (source.at, source.at + 1);
    let name = at.checked_sub(1)?;
    if !source.is(at, ":") || !source.innermost().is_some_and(|open| source.is_class(open)) {
        return None;
    }
    let is_value = matches!(source.kind(value), Some(Kind::Text | Kind::Template | Kind::Number))
        || source.one_of(value, &["true", "false", "null", "new", "-", "[", "{", "function", "async"]);
    // A type may begin so too: `state: "on" | "off" = "on"`.
    let behind = source.partner(value).unwrap_or(value) + 1;
    if !is_value || source.one_of(behind, &["=", "|", "&", "["]) {
        return None;
    }
    let help = format!("write `{} = …`", source.abridged(name));
    stop.told(at, "a member of a class gets its value with `=`", help)
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
            let written = source.abridged(begin);
            let written = if named { format!("{written} {}", source.abridged(begin + 1)) } else { written };
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
            "then" if index > 0 && source.is(index - 1, ")") => "{",
            "foreach" => "for (const x of list)",
            "except" | "rescue" if index > 0 && source.is(index - 1, "}") => "catch",
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
    let called = called.filter(|word| {
        source.is(source.at, "{") && (source.written(*word).starts_with("el") || source.is(*word, "foreach"))
    });
    // `foreach (const …`
    let called = called.or(source.at.checked_sub(2).filter(|word| source.is(*word, "foreach")));
    let (index, instead) =
        stop.here().chain(called).filter(is_word).find_map(|index| Some((index, instead(index)?)))?;
    let message = format!("{} is no word of JavaScript", source.shown(index));
    stop.told(index, message, format!("write `{instead}`"))
}

/// `const a = b +`, and then the next statement.
fn ended_line(stop: &Stop<'_>) -> Told {
    const MARKS: [&str; 19] = [
        "+", "-", "*", "/", "%", "=", "+=", "-=", "&&", "||", "??", "==", "===", "!=", "!==", "<", ">", ".",
        "=>",
    ];
    let source = &stop.source;
    let mark = source.at.checked_sub(1).filter(|before| source.one_of(*before, &MARKS))?;
    if !source.begins_statement(source.at) || source.one_of(source.at, &["function", "class"]) {
        return None;
    }
    let message = format!("something must follow {}, which ends its line", source.shown(mark));
    stop.told(mark, message, "write what follows it, or leave it out")
}

/// `"C:\users"`
fn unknown_escape(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let is_text = matches!(source.kind(source.at), Some(Kind::Text | Kind::Template));
    if !is_text || !stop.said.contains("escape sequence") {
        return None;
    }
    stop.told(
        source.at,
        "a `\\` in this string begins no sign that is known",
        "for the sign itself write `\\\\`",
    )
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
            let help = format!("write `{}: …`", source.abridged(index));
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

/// `break` and `continue` where there is no loop, or none of that name. The parser tells no place, so it is asked again.
fn loop_word(stop: &Stop<'_>) -> Told {
    let (word, is_named) = match &*stop.said {
        "illegal break statement" => ("break", false),
        "illegal continue statement" => ("continue", false),
        said if said.starts_with("undefined break target") => ("break", true),
        said if said.starts_with("undefined continue target") => ("continue", true),
        _ => return None,
    };
    let source = &stop.source;
    let words: Vec<usize> = (0..source.tokens.len()).filter(|index| source.is(*index, word)).collect();
    // With none of those behind it, it is still wrong.
    let is_before = |last: &usize| {
        let text = without_jumps(source, words.iter().copied().filter(|index| index > last));
        let error = super::parse(&text, stop.file, &mut Interner::default()).err();
        error.is_none_or(|error| reason(&error) != stop.said)
    };
    let index = *words.get(words.partition_point(is_before))?;
    if is_named {
        let message = format!("no loop around this has the name {}", source.shown(index + 1));
        return stop.told(index, message, "a loop is named before it: `NAME: for (…) { … }`");
    }
    let help = if word == "break" {
        "in a function that a list calls `return` ends that one call; a loop is `for (const x of list) { … }`"
    } else {
        "in a function that a list calls write `return`; a loop is `for (const x of list) { … }`"
    };
    stop.told(index, format!("`{word}` stands in no loop"), help)
}

/// The text, where names stand instead of some of its words that leave a loop.
fn without_jumps(source: &Source<'_>, jumps: impl Iterator<Item = usize>) -> String {
    let (mut text, mut end) = (String::with_capacity(source.text.len()), 0);
    for index in jumps {
        let token = source.tokens[index];
        text.push_str(&source.text[end..token.start]);
        text.push_str("jump");
        let has_name = source.kind(index + 1) == Some(Kind::Word) && !source.is_first(index + 1);
        end = if has_name { source.tokens[index + 1].end } else { token.end };
    }
    text + &source.text[end..]
}

fn declared_twice(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    // `for (let i = 0, i < 3, i++)`; the parser takes the second `i` for a declaration.
    let is_head = source.at.checked_sub(2).is_some_and(|word| source.is(word, "for"))
        && stop.said == "lexical name declared multiple times";
    if is_head || stop.context == "for statement" && stop.expected.iter().any(|token| token == ";") {
        let help = "write `for (let i = 0; i < list.length; i++) {`, or `for (const x of list) {`";
        return stop.told(source.at, "a `for` has three parts, with `;` between them", help);
    }
    names::at_stop(&stop.source, &stop.said)
}

/// What stands in a class as if it were an object, or a block.
fn word_in_class(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    source.innermost().filter(|open| source.is_class(*open))?;
    if source.is(source.at, ",") {
        let help = "its members are separated by `;`, its methods by nothing";
        return stop.told(source.at, "`,` stands in a class", help);
    }
    let words = ["function", "const", "let", "var"];
    let word = source.at.checked_sub(1).filter(|before| source.one_of(*before, &words))?;
    let message = format!("{} stands before a member of a class", source.shown(word));
    stop.told(word, message, "leave it out: `class Shop { size = 1; open() { … } }`")
}

/// `if vo.a {`
fn head_without_parentheses(stop: &Stop<'_>) -> Told {
    let source = &stop.source;
    let words = ["if", "while", "switch", "for", "catch"];
    let word = source.at.checked_sub(1).filter(|before| source.one_of(*before, &words))?;
    // A `catch` has none where it takes no error.
    let wanted = if source.is(word, "catch") { "{" } else { "(" };
    if source.is(source.at, "(") || !stop.expected.iter().any(|token| token == wanted) {
        return None;
    }
    let word = source.written(word);
    let message = format!("`(` is missing behind `{word}`");
    stop.told(source.at, message, format!("what belongs to it stands in parentheses: `{word} (…) {{`"))
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
    let block = source.innermost().filter(|open| {
        source.is(at, ":")
            && before.is_some_and(|before| source.kind(before) == Some(Kind::Text))
            && source.is(*open, "{")
            && !source.is_object(*open)
            && !source.is_class(*open)
            && open.checked_sub(1).is_none_or(|before| !source.is(before, "=>"))
    });
    if let Some(block) = block {
        let help = "begin it behind what takes it: `return { … }`";
        return stop.told(block, "this `{` begins a block, and no object", help);
    }
    if source.is(at, ">") && behind("-") {
        return stop.told(at, "an arrow is written `=>`", "write `=>`");
    }
    let body = source.innermost().filter(|open| {
        source.is(at, ":") && open.checked_sub(1).is_some_and(|before| source.is(before, "=>"))
    });
    if let Some(body) = body {
        return stop.told(
            body,
            "this `{` begins the body of a function, and no object",
            "put the object into parentheses: `=> ({ … })`",
        );
    }
    if stop.said == "throw statement" && source.is_first(at) && behind("throw") {
        return stop.told(
            at - 1,
            "`throw` ends with its line, and throws nothing",
            "begin what it throws on the line of `throw`",
        );
    }
    if stop.said.starts_with("a numeric literal must not be followed") {
        let help = "a name begins with a letter; a number with a unit is a string, as in \"10px\"";
        return stop.told(at, "letters stand right behind a number", help);
    }
    if stop.said == "Invalid left-hand side in assignment" {
        let message = "what stands before this `=` can be given no value: it is no variable and no member";
        return stop.told(at, message, "to compare write `===`");
    }
    if stop.context == "conditional expression" && stop.expected.iter().any(|token| token == ":") {
        let message = format!("`:` is missing before {}", source.shown(at));
        return stop.told(at, message, "behind `?` stand two values: `CONDITION ? VALUE : OTHER`");
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
    if stop.context.contains("cannot use '??'") {
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
        if source.one_of(name, &["function", "const", "let", "var"]) {
            let message = format!("{} stands before a member of an object", source.shown(name));
            return stop.told(name, message, "leave it out: `{ size: 1, open() { … } }`");
        }
        if source.one_of(at, &["-", "."]) {
            let message = format!("a name in an object has no {}", source.shown(at));
            return stop.told(at, message, "put the whole name into quotes");
        }
        if source.is(name, ")") {
            let message = format!("`{{` is missing before {}", source.shown(at));
            let help = "a method has a body, `name() { … }`; what a call returns gets a name, `name: call()`";
            return stop.told(at, message, help);
        }
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
    let closing = closes(opening)?;
    if opening == "(" && source.is(source.at, "{") && stop.expected.iter().any(|token| token == closing) {
        return missing(stop, closing, innermost, source.at);
    }
    let follows =
        |words: &[&str]| innermost.checked_sub(1).is_some_and(|before| source.one_of(before, words));
    let is_value = source.is_object(innermost) || follows(&["const", "let", "var"]);
    if follows(&["for"]) || !(is_value || matches!(opening, "(" | "[" | "${")) {
        return None;
    }
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
            if source.is(before, "async") && source.is(source.at + 1, "(") {
                let help = format!("write `async function {}(…)`", source.abridged(source.at));
                return stop.told(source.at, format!("`function` is missing before {found}"), help);
            }
            let message = format!("{found} cannot follow {}", source.shown(before));
            if source.is(source.at, "{") && source.is(before, ")") {
                let help =
                    "a function begins with `function`, a condition with `if`, a loop with `for` or `while`";
                return stop.told(source.at, message, help);
            }
            stop.told(source.at, message, "write an operator between them, or begin a new statement with `;`")
        }
        _ => None,
    }
}
