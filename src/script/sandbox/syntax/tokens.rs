//! The tokens of a text that is not JavaScript, as far as saying why needs them. Takes every text, in one pass; where it is
//! unsure (a `/` begins an expression or divides) it errs by one line at most.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name or a word of the language.
    Word,
    Number,
    /// A text in quotes.
    Text,
    /// A part of a template without what it inserts: from the backtick, or the `}` before it, to the next `${`, or the
    /// backtick.
    Template,
    Regex,
    /// Only comments that are never closed are tokens.
    Comment,
    /// A punctuator; `${` is one too.
    Mark,
    /// A character that means nothing outside of texts.
    Strange,
}

/// A token; offsets are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
    /// Where its line begins.
    pub(super) line: usize,
    /// Whether it begins its line.
    pub(super) is_first: bool,
    /// Whether what it begins ends: false for a text, template, regular expression or comment that goes on to where it may
    /// not.
    pub(super) is_closed: bool,
}

/// Punctuators, longer ones first.
const MARKS: [&str; 32] = [
    ">>>=", "...", "===", "!==", "**=", "<<=", ">>=", ">>>", "&&=", "||=", "??=", "=>", "==", "!=", "<=",
    ">=", "&&", "||", "??", "?.", "++", "--", "+=", "-=", "*=", "/=", "%=", "&=", "|=", "^=", "**", "<<",
];
/// Punctuators of one character.
const SINGLE: &str = "{}()[];,<>+-*/%&|^!~?:=.@#";
/// Words behind which an expression begins.
const BEFORE_EXPRESSIONS: [&str; 14] = [
    "return",
    "typeof",
    "case",
    "in",
    "of",
    "delete",
    "void",
    "throw",
    "new",
    "instanceof",
    "else",
    "do",
    "await",
    "yield",
];

/// Whether a line ends at a character; a `\r\n` ends it once.
fn ends_line(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// Whether a name may begin with it.
pub(super) fn begins_name(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '$' | '_' | '\\')
}

fn continues_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '$' | '_' | '\\' | '\u{200c}' | '\u{200d}')
}

/// The tokens of `text`.
pub(super) fn scan(text: &str) -> Vec<Token> {
    let mut scanner = Scanner { text, at: 0, line: 0, is_first: true, open: Vec::new(), tokens: Vec::new() };
    while scanner.step() {}
    scanner.tokens
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: usize,
    is_first: bool,
    /// The `{` and `${` that are open, and whether it is the latter.
    open: Vec<bool>,
    tokens: Vec<Token>,
}

impl Scanner<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    /// Takes white space, a comment or a token; false at the end.
    fn step(&mut self) -> bool {
        let Some(c) = self.rest().chars().next() else { return false };
        if ends_line(c) {
            self.at += c.len_utf8();
            (self.is_first, self.line) = (true, self.at);
        } else if c.is_whitespace() && c != '\u{85}' || c == '\u{feff}' {
            self.at += c.len_utf8();
        } else if self.rest().starts_with("//") {
            self.at += self.rest().find(ends_line).unwrap_or(self.rest().len());
        } else if self.rest().starts_with("/*") {
            self.comment();
        } else {
            self.token(c);
        }
        true
    }

    fn comment(&mut self) {
        match self.rest()[2..].find("*/") {
            Some(length) => {
                let end = self.at + 2 + length + 2;
                self.at = end;
                self.lines_of(end - (2 + length + 2));
            }
            None => self.push(Kind::Comment, self.text.len(), false),
        }
    }

    fn push(&mut self, kind: Kind, end: usize, is_closed: bool) {
        let is_first = self.is_first;
        let start = self.at;
        self.tokens.push(Token { kind, start, end, line: self.line, is_first, is_closed });
        self.at = end;
        self.lines_of(start);
        self.is_first = false;
    }

    /// Notes the line ends between `start` and here.
    fn lines_of(&mut self, start: usize) {
        if let Some(end) = self.text[start..self.at].rfind(ends_line) {
            let length = self.text[start + end..].chars().next().map_or(0, char::len_utf8);
            (self.is_first, self.line) = (true, start + end + length);
        }
    }

    fn token(&mut self, c: char) {
        let rest = self.rest();
        let length = |while_it: fn(char) -> bool| rest.find(|c| !while_it(c)).unwrap_or(rest.len());
        match c {
            '"' | '\'' => self.quoted(c),
            '`' => self.template(1),
            '/' if self.begins_expression() => self.regex(),
            '}' => {
                let ends_insertion = self.open.pop().unwrap_or(false);
                self.push(Kind::Mark, self.at + 1, true);
                if ends_insertion {
                    self.template(0);
                }
            }
            '{' => {
                self.open.push(false);
                self.push(Kind::Mark, self.at + 1, true);
            }
            '0'..='9' => {
                let end = self.at + length(|c| continues_name(c) || c == '.');
                self.push(Kind::Number, end, true);
            }
            _ if begins_name(c) => self.push(Kind::Word, self.at + length(continues_name), true),
            _ => {
                let mark = MARKS.iter().find(|mark| rest.starts_with(**mark)).map(|mark| mark.len());
                let kind = if mark.is_some() || SINGLE.contains(c) { Kind::Mark } else { Kind::Strange };
                self.push(kind, self.at + mark.unwrap_or(c.len_utf8()), true);
            }
        }
    }

    fn quoted(&mut self, quote: char) {
        let mut characters = self.rest().char_indices().skip(1);
        let mut end = None;
        while let Some((index, c)) = characters.next() {
            match c {
                '\\' => {
                    if let Some((_, '\r')) = characters.next() {
                        // Of a `\r\n` both are escaped.
                        let mut ahead = characters.clone();
                        if let Some((_, '\n')) = ahead.next() {
                            characters = ahead;
                        }
                    }
                }
                '\n' | '\r' => {
                    end = Some((index, false));
                    break;
                }
                c if c == quote => {
                    end = Some((index + 1, true));
                    break;
                }
                _ => {}
            }
        }
        let (length, is_closed) = end.unwrap_or((self.rest().len(), false));
        self.push(Kind::Text, self.at + length, is_closed);
    }

    /// A part of a template; `opening` is 1 at its backtick, and 0 behind the `}` of an insertion.
    fn template(&mut self, opening: usize) {
        let mut characters = self.rest().char_indices().skip(opening).peekable();
        let mut end = None;
        while let Some((index, c)) = characters.next() {
            match c {
                '\\' => {
                    characters.next();
                }
                '`' => {
                    end = Some((index + 1, false));
                    break;
                }
                '$' if characters.peek().is_some_and(|(_, c)| *c == '{') => {
                    end = Some((index, true));
                    break;
                }
                _ => {}
            }
        }
        match end {
            None => self.push(Kind::Template, self.text.len(), false),
            Some((length, false)) => self.push(Kind::Template, self.at + length, true),
            Some((length, true)) => {
                self.push(Kind::Template, self.at + length, true);
                self.open.push(true);
                self.push(Kind::Mark, self.at + 2, true);
            }
        }
    }

    fn regex(&mut self) {
        let mut in_class = false;
        let mut characters = self.rest().char_indices().skip(1);
        let mut end = None;
        while let Some((index, c)) = characters.next() {
            match c {
                '\\' if characters.clone().next().is_some_and(|(_, c)| !ends_line(c)) => {
                    characters.next();
                }
                '[' => in_class = true,
                ']' => in_class = false,
                '/' if !in_class => {
                    let flags = self.rest()[index + 1..].find(|c: char| !continues_name(c));
                    end = Some((flags.map_or(self.rest().len(), |flags| index + 1 + flags), true));
                    break;
                }
                c if ends_line(c) => {
                    end = Some((index, false));
                    break;
                }
                _ => {}
            }
        }
        let (length, is_closed) = end.unwrap_or((self.rest().len(), false));
        self.push(Kind::Regex, self.at + length, is_closed);
    }

    /// Whether a `/` begins a regular expression here.
    fn begins_expression(&self) -> bool {
        let Some(before) = self.tokens.last() else { return true };
        let written = &self.text[before.start..before.end];
        match before.kind {
            Kind::Word => BEFORE_EXPRESSIONS.contains(&written),
            Kind::Mark => match written {
                ")" | "]" | "++" | "--" => false,
                "}" => self.is_first,
                _ => true,
            },
            _ => false,
        }
    }
}

/// Line and column of an offset, as the engine counts them: characters, and every line end of the language.
pub(super) fn position(text: &str, offset: usize) -> (u32, u32) {
    let (mut line, mut column, mut after_return) = (1_u32, 1_u32, false);
    for (index, c) in text.char_indices() {
        if index >= offset {
            break;
        }
        if ends_line(c) {
            line += u32::from(!(after_return && c == '\n'));
            column = 1;
        } else {
            column += 1;
        }
        after_return = c == '\r';
    }
    (line, column)
}

/// The offset of a line and column; the end of the line where it is shorter, and of the text where it has fewer lines.
pub(super) fn offset(text: &str, (line, column): (u32, u32)) -> usize {
    let (mut at, mut after_return) = ((1, 1), false);
    for (index, c) in text.char_indices() {
        let is_second = after_return && c == '\n';
        after_return = c == '\r';
        if is_second {
            continue;
        }
        if at.0 == line && (at.1 >= column || ends_line(c)) || at.0 > line {
            return index;
        }
        at = if ends_line(c) { (at.0 + 1, 1) } else { (at.0, at.1 + 1) };
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tokens(text: &str) -> Vec<&str> {
        scan(text).iter().map(|token| &text[token.start..token.end]).collect()
    }

    #[test]
    fn a_text_is_divided_as_the_language_divides_it() {
        for (text, expected) in [
            ("const a=1;// b\nlet c", "const a = 1 ; let c"),
            ("a/2/b; x = /[/\"]\\//g.y", "a / 2 / b ; x = /[/\"]\\//g . y"),
            ("return /a b/.x", "return /a b/ . x"),
            ("`a${ `b${c}` }d`+1", "`a ${ `b ${ c } ` } d` + 1"),
            ("`a$b\\`c`", "`a$b\\`c`"),
            ("({a:{}})", "( { a : { } } )"),
            ("'it\\'s' \"x\"", "'it\\'s' \"x\""),
            ("x /* a\n b */ y", "x y"),
            ("a?.b ?? c => ...d >>>= 1", "a ?. b ?? c => ... d >>>= 1"),
            ("été $_ #p 1.5e3 0xfFn", "été $_ # p 1.5e3 0xfFn"),
            ("“a” \u{200b}", "“ a ” \u{200b}"),
        ] {
            assert_eq!(tokens(text).join(" "), expected, "{text}");
        }
    }

    #[test]
    fn what_is_not_closed_is_known() {
        let unclosed = |text: &str| {
            let found: Vec<_> = scan(text).into_iter().filter(|token| !token.is_closed).collect();
            found.iter().map(|token| text[token.start..token.end].to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(unclosed("a = 'b\nc = \"d\\\ne\""), ["'b"]);
        assert_eq!(unclosed("a = 'b\\\r\nc'"), Vec::<String>::new());
        assert_eq!(unclosed("a /* b"), ["/* b"]);
        assert_eq!(unclosed("a = /b\nc"), ["/b"]);
        assert_eq!(unclosed("`a ${b} c"), [" c"]);
        assert_eq!(unclosed("`a ${b"), Vec::<String>::new());
    }

    #[test]
    fn places_are_the_engines() {
        let text = "a\r\nb\u{2028}😀c\rd\n\ne";
        for (offset_of, at) in
            [(0, (1, 1)), (3, (2, 1)), (7, (3, 1)), (11, (3, 2)), (13, (4, 1)), (15, (5, 1)), (16, (6, 1))]
        {
            assert_eq!(position(text, offset_of), at, "{offset_of}");
            assert_eq!(offset(text, at), offset_of, "{at:?}");
        }
        assert_eq!((offset(text, (2, 99)), offset(text, (99, 1)), offset("", (1, 1))), (4, text.len(), 0));
    }

    proptest! {
        #[test]
        fn every_text_has_tokens_in_order(text in "[ -~\\n\\r\u{2028}“😀è\u{feff}`'\"/*${}()\\\\]{0,60}|\\PC*") {
            let mut end = 0;
            for token in scan(&text) {
                prop_assert!(end <= token.start && token.start <= token.end);
                prop_assert!(text.is_char_boundary(token.start) && text.is_char_boundary(token.end));
                end = token.end;
                prop_assert_eq!(offset(&text, position(&text, token.start)), token.start);
            }
        }
    }
}
