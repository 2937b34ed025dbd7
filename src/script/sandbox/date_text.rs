//! The texts that `Date.parse` and `new Date(text)` take: those of the
//! [standard](https://tc39.es/ecma262/#sec-date-time-string-format), and what V8 takes besides, which is what authors try
//! their scripts with: `Sat, 28 Nov 2026 20:00:00 +0100`, `11/28/2026 8:00 PM`, `28 Nov 2026`.
//!
//! V8's way with the latter: a text is words, numbers and signs. Words count by their first three letters: months, zones,
//! AM and PM; others may stand before the first number only. A number before a colon begins a time, and what then fits the
//! time or an offset goes there; the up to three others are the date: month, day, year, or with a month in letters day
//! and year, or the year first where the first cannot be a day. What is not said is 1 (a year 1 is 2001). What is in
//! parentheses is a comment.

use super::date_value::{DAY, make_day};

/// What a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moment {
    /// A moment, in milliseconds since 1970.
    Utc(i64),
    /// What the clocks of the application's time zone show, written as if it were UTC.
    Local(i64),
}

/// What `text` says; `None` where that is no moment.
pub(super) fn parse(text: &str) -> Option<Moment> {
    let mut tokens = Tokens { rest: text };
    let mut date = Found::default();
    let standard = standard(&mut tokens, &mut date)?;
    if !standard {
        free(&mut tokens, &mut date)?;
    }
    date.moment(standard)
}

/// What has been found of a date so far.
#[derive(Debug, Default)]
struct Found {
    /// Year, month and day, in the order of the text.
    numbers: Vec<i64>,
    month: Option<i64>,
    /// Hours, minutes, seconds, milliseconds.
    time: Vec<i64>,
    /// Nothing more belongs to the time.
    time_is_over: bool,
    /// What AM or PM adds.
    half: Option<i64>,
    zone: Option<Offset>,
}

/// An offset from UTC, of which the minutes may be still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offset {
    negative: bool,
    hours: i64,
    minutes: Option<i64>,
}

impl Offset {
    fn hours(hours: i64) -> Self {
        Self { negative: hours < 0, hours: hours.abs(), minutes: Some(0) }
    }
}

impl Found {
    /// Whether a number may be the next of the time.
    fn expects(&self, number: i64) -> bool {
        let most = match self.time.len() {
            1 | 2 => 59,
            3 => 999,
            _ => return false,
        };
        !self.time_is_over && number <= most
    }

    fn date_number(&mut self, number: i64) -> Option<()> {
        (self.numbers.len() < 3).then(|| self.numbers.push(number))
    }

    fn time_number(&mut self, number: i64) -> Option<()> {
        (!self.time_is_over && self.time.len() < 4).then(|| self.time.push(number))
    }

    fn moment(mut self, standard: bool) -> Option<Moment> {
        if self.numbers.is_empty() {
            return None;
        }
        self.numbers.resize(3, 1);
        let (first, second, third) = (self.numbers[0], self.numbers[1], self.numbers[2]);
        let is_day = |number| (1..=31).contains(&number);
        let (mut year, month, day) = match self.month {
            None if standard || !is_day(first) => (first, second, third),
            None => (third, first, second),
            Some(month) if is_day(first) => (second, month, first),
            Some(month) => (first, month, second),
        };
        if !standard {
            year += match year {
                0..=49 => 2000,
                50..=99 => 1900,
                _ => 0,
            };
        }
        if !(1..=12).contains(&month) || !is_day(day) {
            return None;
        }
        let local = make_day(year, month, day)?.checked_mul(DAY)?.checked_add(self.time_of_day()?)?;
        Some(match self.zone {
            None => Moment::Local(local),
            Some(Offset { negative, hours, minutes }) => {
                let offset = (hours * 60 + minutes.unwrap_or(0)) * 60_000;
                Moment::Utc(local.checked_sub(if negative { -offset } else { offset })?)
            }
        })
    }

    fn time_of_day(&mut self) -> Option<i64> {
        self.time.resize(4, 0);
        let &[mut hours, minutes, seconds, millis] = &self.time[..] else { return None };
        if let Some(half) = self.half {
            if !(0..=12).contains(&hours) {
                return None;
            }
            hours = hours % 12 + half;
        }
        let whole_day = hours == 24 && minutes == 0 && seconds == 0 && millis == 0;
        if !(whole_day || hours <= 23 && minutes <= 59 && seconds <= 59) {
            return None;
        }
        Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + millis)
    }
}

/// Reads a text of the standard's form: true where it is one. False where it is not from some place on, at which the free
/// forms go on; `None` where it is none although it has the standard's T.
fn standard(tokens: &mut Tokens<'_>, found: &mut Found) -> Option<bool> {
    let year = match tokens.peek() {
        Token::Sign(negative) => {
            let mut ahead = *tokens;
            ahead.next();
            match ahead.fixed(6, 0..=999_999) {
                Some(year) if !(negative && year == 0) => {
                    *tokens = ahead;
                    Some(if negative { -year } else { year })
                }
                _ => None,
            }
        }
        _ => tokens.fixed(4, 0..=9999),
    };
    let Some(year) = year else { return Some(false) };
    found.numbers.push(year);
    for most in [12, 31] {
        if !tokens.skip('-') {
            break;
        }
        let Some(number) = tokens.fixed(2, 1..=most) else { return Some(false) };
        found.numbers.push(number);
    }
    if !tokens.skip_word("t") {
        // A date without a time is UTC.
        let over = tokens.rest.is_empty();
        found.zone = over.then(|| Offset::hours(0));
        return Some(over);
    }
    let hours = tokens.fixed(2, 0..=24)?;
    found.time.push(hours);
    let most = if hours == 24 { 0 } else { 59 };
    if !tokens.skip(':') {
        return None;
    }
    found.time.push(tokens.fixed(2, 0..=most)?);
    if tokens.skip(':') {
        found.time.push(tokens.fixed(2, 0..=most)?);
        if tokens.skip('.') {
            found.time.push(tokens.millis()?);
        }
    }
    if tokens.skip_word("z") {
        found.zone = Some(Offset::hours(0));
    } else if let Token::Sign(negative) = tokens.peek() {
        tokens.next();
        let (hours, minutes) = if let Some(both) = tokens.fixed(4, 0..=2359) {
            (both / 100, both % 100)
        } else {
            let hours = tokens.fixed(2, 0..=23)?;
            (hours, tokens.skip(':').then(|| tokens.fixed(2, 0..=59))??)
        };
        if minutes > 59 {
            return None;
        }
        found.zone = Some(Offset { negative, hours, minutes: Some(minutes) });
    }
    tokens.rest.is_empty().then_some(true)
}

/// Reads the rest of a text of another form.
fn free(tokens: &mut Tokens<'_>, found: &mut Found) -> Option<()> {
    let mut any_number = !found.numbers.is_empty();
    loop {
        match tokens.next() {
            Token::End => return Some(()),
            Token::Number { value, .. } => {
                any_number = true;
                number(value, tokens, found)?;
            }
            Token::Word(word) => match keyword(word) {
                Some(Keyword::Half(hours)) if !found.time.is_empty() => found.half = Some(hours),
                Some(Keyword::Month(month)) => {
                    found.month = Some(month);
                    tokens.skip('-');
                }
                Some(Keyword::Zone(hours)) if any_number => found.zone = Some(Offset::hours(hours)),
                _ if any_number || matches!(tokens.peek(), Token::Number { .. }) => return None,
                _ => {}
            },
            Token::Sign(negative) if found.zone == Some(Offset::hours(0)) || !found.time.is_empty() => {
                any_number = true;
                found.zone = Some(offset(negative, tokens)?);
            }
            Token::Sign(_) | Token::Symbol(')') if any_number => return None,
            Token::Sign(_) | Token::Symbol(_) | Token::Space => {}
        }
    }
}

/// A number of a free form.
fn number(value: i64, tokens: &mut Tokens<'_>, found: &mut Found) -> Option<()> {
    if tokens.skip(':') {
        let no_minutes = tokens.skip(':');
        if no_minutes && !found.time.is_empty() {
            return None;
        }
        found.time_number(value)?;
        if no_minutes {
            found.time_number(0)?;
        } else {
            tokens.skip('.');
        }
        return Some(());
    }
    // A dot after seconds begins milliseconds; it is left out after any other number.
    if tokens.skip('.') && found.expects(value) {
        if found.time.len() != 2 {
            return None;
        }
        found.time_number(value)?;
        let millis = tokens.millis()?;
        return found.time_number(millis);
    }
    if let Some(zone @ Offset { minutes: None, .. }) = &mut found.zone
        && value <= 59
    {
        zone.minutes = Some(value);
        return Some(());
    }
    if found.expects(value) {
        found.time_number(value)?;
        found.time_is_over = true;
        let ends = match tokens.peek() {
            Token::End | Token::Space | Token::Sign(_) => true,
            Token::Word(word) => word.eq_ignore_ascii_case("z"),
            _ => false,
        };
        return ends.then_some(());
    }
    found.date_number(value)?;
    tokens.skip('-');
    Some(())
}

/// An offset after its sign: `+1`, `+01`, `+0100`, `+01:00`, or nothing.
fn offset(negative: bool, tokens: &mut Tokens<'_>) -> Option<Offset> {
    let (mut value, mut digits) = (0, 0);
    if let Token::Number { value: number, digits: count } = tokens.peek() {
        (value, digits) = (number, count);
        tokens.next();
    }
    let (hours, minutes) = match digits {
        _ if tokens.peek() == Token::Symbol(':') => (value, None),
        1 | 2 => (value, Some(0)),
        3 | 4 => (value / 100, Some(value % 100)),
        _ => return None,
    };
    Some(Offset { negative, hours, minutes })
}

/// A word that means something.
enum Keyword {
    /// From 1.
    Month(i64),
    /// AM and PM: what they add to the hours.
    Half(i64),
    /// Hours ahead of UTC.
    Zone(i64),
}

fn keyword(word: &str) -> Option<Keyword> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let start: String = word.chars().take(3).collect::<String>().to_ascii_lowercase();
    if let Some(month) = (1..).zip(MONTHS).find_map(|(number, name)| (name == start).then_some(number)) {
        return Some(Keyword::Month(month));
    }
    if word.chars().count() > 3 {
        return None;
    }
    Some(match start.as_str() {
        "am" => Keyword::Half(0),
        "pm" => Keyword::Half(12),
        "ut" | "utc" | "z" | "gmt" => Keyword::Zone(0),
        "edt" => Keyword::Zone(-4),
        "est" | "cdt" => Keyword::Zone(-5),
        "cst" | "mdt" => Keyword::Zone(-6),
        "mst" | "pdt" => Keyword::Zone(-7),
        "pst" => Keyword::Zone(-8),
        _ => return None,
    })
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'a> {
    Number {
        /// Of the first nine digits that are not leading zeros.
        value: i64,
        digits: usize,
    },
    /// Letters, and whatever is no ASCII.
    Word(&'a str),
    /// `+`, or, true, `-`.
    Sign(bool),
    Symbol(char),
    /// Also a comment in parentheses.
    Space,
    End,
}

/// What is left of a text.
#[derive(Debug, Clone, Copy)]
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn next(&mut self) -> Token<'a> {
        let Some(first) = self.rest.chars().next() else { return Token::End };
        let length =
            |rest: &str, belongs: fn(char) -> bool| rest.find(|c: char| !belongs(c)).unwrap_or(rest.len());
        let (token, length) = match first {
            '0'..='9' => {
                let digits = length(self.rest, |c| c.is_ascii_digit());
                let significant = self.rest[..digits].trim_start_matches('0');
                let value = significant[..significant.len().min(9)].parse().unwrap_or(0);
                (Token::Number { value, digits }, digits)
            }
            '+' | '-' => (Token::Sign(first == '-'), 1),
            '(' => (Token::Space, comment(self.rest)),
            _ if first.is_whitespace() || first == '\u{feff}' => {
                (Token::Space, length(self.rest, |c| c.is_whitespace() || c == '\u{feff}'))
            }
            'A'.. => {
                let letters = length(self.rest, |c| c >= 'A' && !c.is_whitespace() && c != '\u{feff}');
                (Token::Word(&self.rest[..letters]), letters)
            }
            symbol => (Token::Symbol(symbol), symbol.len_utf8()),
        };
        self.rest = &self.rest[length..];
        token
    }

    fn peek(&self) -> Token<'a> {
        let mut ahead = *self;
        ahead.next()
    }

    /// Skips a character, if it is the next one.
    fn skip(&mut self, character: char) -> bool {
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip_word(&mut self, word: &str) -> bool {
        let mut ahead = *self;
        let found = matches!(ahead.next(), Token::Word(next) if next.eq_ignore_ascii_case(word));
        if found {
            *self = ahead;
        }
        found
    }

    /// A number of just so many digits, in a range.
    fn fixed(&mut self, wanted: usize, range: std::ops::RangeInclusive<i64>) -> Option<i64> {
        let mut ahead = *self;
        match ahead.next() {
            Token::Number { value, digits } if digits == wanted && range.contains(&value) => {
                *self = ahead;
                Some(value)
            }
            _ => None,
        }
    }

    /// The digits of a fraction, as milliseconds: what is finer is left out.
    fn millis(&mut self) -> Option<i64> {
        let begin = self.rest;
        let Token::Number { digits, .. } = self.next() else { return None };
        format!("{:0<3.3}", &begin[..digits]).parse().ok()
    }
}

/// The length of a comment in parentheses, which may have others in it and need not end.
fn comment(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in text.char_indices() {
        match character {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    text.len()
}
