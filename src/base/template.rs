//! Texts of WhatsApp templates, and messages that were written in their words.
//!
//! A template's text holds placeholders, `{{1}}` or `{{name}}`. Scripts that sent the filled-in text as the body of a
//! message, as Twilio took it until 2025, can be served still: [`TemplateText::variables`] tells whether a message is
//! such a text and what stands at the placeholders.
//!
//! Literal parts must be equal, with line ends unified and the outer white space left out. Each placeholder takes the
//! shortest text, not blank, that lets the rest match; one that stands there twice takes the same text twice. Where
//! none does, the leftmost place of each literal decides and nothing is ever taken back, so the work is proportional
//! to the message. Where one does, what it takes has to be tried, and the number of trials is bounded: a text that
//! would need more is no match. Nobody writes one by accident.

use std::collections::BTreeMap;
use std::fmt;

/// How many ways of cutting a message are tried.
const MOST_TRIALS: u32 = 10_000;
/// The longest name of a placeholder.
const LONGEST_NAME: usize = 32;

/// Why a text is not a template's; the sentence can follow "the text …".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTemplate {
    /// There are no words of its own in it: it would fit every message.
    #[error("has no words of its own, so any message could be taken for it")]
    NoWords,
    /// `{{` without `}}`, or the reverse.
    #[error("has a `{0}` without its counterpart")]
    Unpaired(&'static str),
    /// What stands in the braces is no name.
    #[error("has a placeholder `{{{{{0}}}}}`, whose name is not of letters, digits and `_` (32 at most)")]
    Name(String),
    /// Nothing tells where the one ends and the other begins.
    #[error("has the placeholders `{{{{{0}}}}}` and `{{{{{1}}}}}` with nothing between them")]
    Touching(String, String),
}

/// The text of a template.
#[derive(Clone, PartialEq, Eq)]
pub struct TemplateText {
    parts: Vec<Part>,
    /// How many parts there are from the last placeholder that stands there for a second time on; 0: none does.
    tail: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Placeholder(String),
}

impl TemplateText {
    /// Reads `Ciao {{1}}, il tuo ordine {{2}} è partito.`
    ///
    /// # Errors
    /// [`InvalidTemplate`] says what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, InvalidTemplate> {
        let text = unified(text);
        let mut rest = text.trim();
        let mut parts = Vec::new();
        while let Some((literal, after)) = rest.split_once("{{") {
            push_literal(&mut parts, literal)?;
            let (name, after) = after.split_once("}}").ok_or(InvalidTemplate::Unpaired("{{"))?;
            let name = placeholder(name)?;
            if let Some(Part::Placeholder(before)) = parts.last() {
                return Err(InvalidTemplate::Touching(before.clone(), name));
            }
            parts.push(Part::Placeholder(name));
            rest = after;
        }
        push_literal(&mut parts, rest)?;
        let is_word =
            |part: &Part| matches!(part, Part::Literal(text) if text.contains(char::is_alphanumeric));
        if !parts.iter().any(is_word) {
            return Err(InvalidTemplate::NoWords);
        }
        let again =
            |at: &usize| matches!(parts[*at], Part::Placeholder(_)) && parts[..*at].contains(&parts[*at]);
        let tail = (0..parts.len()).rfind(again).map_or(0, |at| parts.len() - at);
        Ok(Self { parts, tail })
    }

    /// What a message has at the placeholders, if it is this text; every placeholder is in it.
    #[must_use]
    pub fn variables(&self, message: &str) -> Option<BTreeMap<String, String>> {
        let message = unified(message);
        let mut cut = Cut { tail: self.tail, trials: MOST_TRIALS, taken: BTreeMap::new() };
        cut.fits(&self.parts, message.trim())
            .then(|| cut.taken.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// The names of its placeholders, each once, in the order of the text.
    pub fn placeholders(&self) -> impl Iterator<Item = &str> {
        let names = self.names();
        names
            .enumerate()
            .filter(|(at, name)| self.names().take(*at).all(|other| other != *name))
            .map(|(_, n)| n)
    }

    /// The text with `length` of each placeholder's name counted in its place.
    #[must_use]
    pub fn length(&self, length_of: impl Fn(&str) -> usize) -> usize {
        let lengths = self.parts.iter().map(|part| match part {
            Part::Literal(text) => text.chars().count(),
            Part::Placeholder(name) => length_of(name),
        });
        lengths.sum()
    }

    /// The text with what stands at each placeholder; one without a value stays as it is.
    #[must_use]
    pub fn filled<'a>(&self, value_of: impl Fn(&str) -> Option<&'a str>) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Placeholder(name) => match value_of(name) {
                    Some(value) => text.push_str(value),
                    None => text.extend(["{{", name, "}}"]),
                },
            }
        }
        text
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(_) => None,
            Part::Placeholder(name) => Some(name.as_str()),
        })
    }
}

/// As it was written, but for white space around it and in the braces.
impl fmt::Display for TemplateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.iter().try_for_each(|part| match part {
            Part::Literal(text) => f.write_str(text),
            Part::Placeholder(name) => write!(f, "{{{{{name}}}}}"),
        })
    }
}

impl fmt::Debug for TemplateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

fn unified(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n")
}

fn push_literal(parts: &mut Vec<Part>, text: &str) -> Result<(), InvalidTemplate> {
    if text.contains("}}") {
        return Err(InvalidTemplate::Unpaired("}}"));
    }
    if !text.is_empty() {
        parts.push(Part::Literal(text.to_owned()));
    }
    Ok(())
}

fn placeholder(written: &str) -> Result<String, InvalidTemplate> {
    let name = written.trim();
    let is_name = |name: &str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if (1..=LONGEST_NAME).contains(&name.len()) && is_name(name) {
        return Ok(name.to_owned());
    }
    Err(InvalidTemplate::Name(written.chars().take(40).flat_map(char::escape_debug).collect()))
}

/// A message while it is cut into the parts of a template.
struct Cut<'t, 'm> {
    /// See [`TemplateText`].
    tail: usize,
    /// So many more ways may be tried.
    trials: u32,
    /// What placeholders have taken so far.
    taken: BTreeMap<&'t str, &'m str>,
}

impl<'t, 'm> Cut<'t, 'm> {
    /// Whether `message` is these parts; `taken` is as before when it is not.
    fn fits(&mut self, parts: &'t [Part], message: &'m str) -> bool {
        let Some((first, rest)) = parts.split_first() else { return message.is_empty() };
        let name = match first {
            Part::Literal(text) => {
                return message.strip_prefix(text.as_str()).is_some_and(|after| self.fits(rest, after));
            }
            Part::Placeholder(name) => name.as_str(),
        };
        if let Some(value) = self.taken.get(name) {
            return message.strip_prefix(*value).is_some_and(|after| self.fits(rest, after));
        }
        let Some(visible) = message.find(|c: char| !c.is_whitespace()) else { return false };
        let mut from = visible + width(&message[visible..]);
        let Some(Part::Literal(next)) = rest.first() else {
            // Nothing follows: it takes what is left.
            self.taken.insert(name, message);
            return true;
        };
        loop {
            // The last literal stands at the message's end, wherever else it may be found.
            let at = if rest.len() == 1 {
                message.strip_suffix(next.as_str()).map(str::len).filter(|at| *at >= from)
            } else {
                message.get(from..).and_then(|left| left.find(next.as_str())).map(|at| from + at)
            };
            let (Some(at), Some(left)) = (at, self.trials.checked_sub(1)) else { return false };
            self.trials = left;
            self.taken.insert(name, &message[..at]);
            if self.fits(rest, &message[at..]) {
                return true;
            }
            self.taken.remove(name);
            // A later place leaves less to the rest, which helps only where something in it has to be equal.
            if self.tail == 0 || rest.len() < self.tail {
                return false;
            }
            from = at + width(&message[at..]);
        }
    }
}

/// The bytes of the first character.
fn width(text: &str) -> usize {
    text.chars().next().map_or(1, char::len_utf8)
}

#[cfg(test)]
mod tests;
