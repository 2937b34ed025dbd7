//! A parsed TOML document, read in such a way that every problem is found and none shows a value.
//!
//! Readers return `None` after they have reported why: the caller goes on with the next key, so that one pass
//! finds all problems of a file. Messages name keys, variables and files, never values: a value may be a secret in
//! the wrong place.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::codes;
use super::names::{Shape, suggest};
use super::secrets::looks_like_a_secret;
use crate::base::{Diagnostic, Place, Secret};

/// A file with more problems isn't a parameter file: looking further would only take long.
const MOST_PROBLEMS: usize = 200;

/// Where secrets come from that the file only names.
#[derive(Clone, Copy)]
pub(super) enum Secrets<'a> {
    /// From the files that it names, and from these variables.
    Of(&'a dyn Fn(&str) -> Option<Secret>),
    /// From nowhere: they are not needed.
    StoodIn,
}

/// What came out besides the values.
pub(super) struct Findings {
    /// In the order of the file.
    pub problems: Vec<Diagnostic>,
    pub warnings: Vec<Diagnostic>,
    /// The files that secrets are taken from.
    pub files: BTreeSet<PathBuf>,
}

/// The file that is being read, and what was found wrong with it so far.
pub(super) struct Source<'a> {
    file: &'a Path,
    text: &'a str,
    secrets: Secrets<'a>,
    warnings: RefCell<Vec<Diagnostic>>,
    files: RefCell<BTreeSet<PathBuf>>,
    problems: RefCell<Vec<(usize, Diagnostic)>>,
    /// Lines with a syntax error: what the parser made of them is a guess, so nothing more is said about them.
    broken_lines: RefCell<BTreeSet<u32>>,
}

impl<'a> Source<'a> {
    pub fn new(file: &'a Path, text: &'a str, secrets: Secrets<'a>) -> Self {
        let (warnings, files, problems, broken_lines) = Default::default();
        Self { file, text, secrets, warnings, files, problems, broken_lines }
    }

    /// The secret in an environment variable.
    pub fn variable(&self, name: &str) -> Option<Secret> {
        match self.secrets {
            Secrets::Of(environment) => environment(name),
            Secrets::StoodIn => self.stand_in(),
        }
    }

    /// What stands in for each secret that the file only names, if they are not needed.
    pub fn stand_in(&self) -> Option<Secret> {
        match self.secrets {
            Secrets::Of(_) => None,
            Secrets::StoodIn => Some(Secret::new("0".repeat(32))),
        }
    }

    /// A path as the file means it: relative to the file's folder.
    pub fn resolve(&self, path: &str) -> PathBuf {
        beside(self.file, path)
    }

    /// The place of a byte offset.
    pub fn place(&self, offset: usize) -> Place {
        let (line, column) = Place::position_of(self.text, offset);
        Place::at(self.file, line, column)
    }

    /// Reports a syntax error.
    pub fn syntax_error(&self, offset: usize, message: &str) {
        if self.is_full() {
            return;
        }
        let place = self.place(offset);
        self.distrust(&place, message);
        let diagnostic = Diagnostic::error(codes::PARAMS_SYNTAX, format!("this is not TOML: {message}"));
        let diagnostic = diagnostic.at(place).help(
            "a line is `key = value`, `[section]` or `# comment`; texts stand in double quotes, and a key or \
             section may appear once",
        );
        let mut problems = self.problems.borrow_mut();
        // The parser reports some errors when it enters a section and again when it leaves.
        if !problems.iter().any(|(_, known)| *known == diagnostic) {
            problems.push((offset, diagnostic));
        }
    }

    /// Reports a problem, unless it may be the mere consequence of a syntax error.
    pub fn report(&self, offset: usize, code: &'static str, message: String, help: String) {
        if self.is_full() {
            return;
        }
        let place = self.place(offset);
        let broken = self.broken_lines.borrow();
        // After a syntax error the rest of the document may be lost: what isn't there may well be in the file.
        let guessed = code == codes::MISSING_KEY && !broken.is_empty();
        if !guessed && !place.position.is_some_and(|(line, _)| broken.contains(&line)) {
            let diagnostic = Diagnostic::error(code, message).at(place).help(help);
            self.problems.borrow_mut().push((offset, diagnostic));
        }
    }

    /// Notes what is worth knowing although it is no problem.
    pub fn warn(&self, warning: Diagnostic) {
        self.warnings.borrow_mut().push(warning);
    }

    /// Notes a file that a secret is taken from.
    pub fn takes_from(&self, file: &Path) {
        self.files.borrow_mut().insert(file.to_owned());
    }

    fn is_full(&self) -> bool {
        self.problems.borrow().len() >= MOST_PROBLEMS
    }

    /// Takes the line of a syntax error, and the whole section if it is the header that is broken, for a guess.
    fn distrust(&self, place: &Place, message: &str) {
        let Some((broken, _)) = place.position else { return };
        let mut from_here = (1..).zip(self.text.lines()).skip_while(|(number, _)| *number < broken);
        let is_header = |line: &str| line.trim_start().starts_with('[');
        // Of a section that is there twice the parser makes one; of one whose name is broken, anything.
        let misleads =
            from_here.next().is_some_and(|(_, line)| is_header(line)) && !message.starts_with("duplicate ");
        let section =
            from_here.take_while(|(_, line)| misleads && !is_header(line)).map(|(number, _)| number);
        self.broken_lines.borrow_mut().extend(std::iter::once(broken).chain(section));
    }

    /// What was found, when everything is read.
    pub fn into_findings(self) -> Findings {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|(offset, _)| *offset);
        let problems = problems.into_iter().map(|(_, diagnostic)| diagnostic).collect();
        Findings { problems, warnings: self.warnings.into_inner(), files: self.files.into_inner() }
    }
}

/// A path as a parameter file means it: relative to its folder.
pub(super) fn beside(file: &Path, path: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(path)
}

/// A section whose keys are known.
pub(super) struct Section<'a> {
    source: &'a Source<'a>,
    table: &'a DeTable<'a>,
    start: usize,
    /// The names that lead to it, as a header has them.
    path: Vec<String>,
    /// Keys that are missing only because they are misspelt.
    misspelt: Vec<&'static str>,
}

impl<'a> Section<'a> {
    /// The whole document.
    pub fn root(source: &'a Source<'a>, table: &'a DeTable<'a>, shape: &'static Shape) -> Self {
        Self::open(source, table, 0, Vec::new(), shape)
    }

    fn open(
        source: &'a Source<'a>,
        table: &'a DeTable<'a>,
        start: usize,
        path: Vec<String>,
        shape: &'static Shape,
    ) -> Self {
        let mut section = Self { source, table, start, path, misspelt: Vec::new() };
        for key in table.keys().filter(|key| !shape.keys.contains(&key.get_ref().as_ref())) {
            let suggestion = suggest(key.get_ref(), shape, &section.path);
            let message = format!("unknown key `{}` {}", shown(key.get_ref()), section.inside());
            source.report(key.span().start, codes::UNKNOWN_KEY, message, suggestion.help);
            section.misspelt.extend(suggestion.meant);
        }
        section
    }

    /// Where this is, in words: "in `[host]`".
    pub fn inside(&self) -> String {
        if self.path.is_empty() {
            "at the top level".to_owned()
        } else {
            format!("in `[{}]`", self.path.join("."))
        }
    }

    /// A key's value, if the key is there.
    pub fn get(&self, key: &str) -> Option<Field<'a>> {
        let (name, value) = self.table.get_key_value(key)?;
        Some(Field::new(self.source, &self.path, name, value))
    }

    /// Whether a key is there, be it with a wrong value or a wrong spelling that was reported.
    pub fn mentions(&self, key: &str) -> bool {
        self.table.contains_key(key) || self.misspelt.contains(&key)
    }

    /// A sub-section.
    pub fn section(&self, key: &str, shape: &'static Shape) -> Option<Section<'a>> {
        self.get(key)?.section(shape)
    }

    /// Reports that a key is missing.
    pub fn missing(&self, key: &str, help: impl Into<String>) {
        if !self.mentions(key) {
            let message = format!("`{key}` is missing {}", self.inside());
            self.source.report(self.start, codes::MISSING_KEY, message, help.into());
        }
    }
}

/// A key with its value.
#[derive(Clone)]
pub(super) struct Field<'a> {
    /// The file it stands in.
    pub source: &'a Source<'a>,
    /// The key as it is written.
    pub key: &'a str,
    /// Where the key begins.
    pub key_start: usize,
    /// The value.
    pub value: &'a DeValue<'a>,
    start: usize,
    /// The names that lead to it, its own last, as a header has them.
    path: Vec<String>,
}

impl<'a> Field<'a> {
    fn new(
        source: &'a Source<'a>,
        parent: &[String],
        key: &'a Spanned<std::borrow::Cow<'a, str>>,
        value: &'a Spanned<DeValue<'a>>,
    ) -> Self {
        let path = parent.iter().cloned().chain([segment(key.get_ref())]).collect();
        let (key_start, start) = (key.span().start, value.span().start);
        Self { source, key: key.get_ref(), key_start, value: value.get_ref(), start, path }
    }

    /// Where the value begins.
    pub fn start(&self) -> usize {
        self.start
    }

    /// Reports a problem with the value; `None`, so that a reader can end with it.
    pub fn refuse<T>(&self, code: &'static str, what: impl AsRef<str>, help: impl Into<String>) -> Option<T> {
        let message = format!("`{}` {}", shown(self.key), what.as_ref());
        self.source.report(self.start, code, message, help.into());
        None
    }

    /// Reports a value outside the range or shape of its key.
    pub fn invalid<T>(&self, what: impl AsRef<str>, help: impl Into<String>) -> Option<T> {
        self.refuse(codes::INVALID_VALUE, what, help)
    }

    /// Reports a value of the wrong type.
    pub fn wrong_type<T>(&self, wanted: &str, help: impl Into<String>) -> Option<T> {
        self.refuse(codes::WRONG_TYPE, format!("must be {wanted}, not {}", kind(self.value)), help)
    }

    /// The value as a text.
    pub fn text(&self) -> Option<&'a str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => self.wrong_type("a text", format!("write `{} = \"…\"`, with the quotes", shown(self.key))),
        }
    }

    /// The value as a section.
    pub fn section(&self, shape: &'static Shape) -> Option<Section<'a>> {
        let table = self.table()?;
        Some(Section::open(self.source, table, self.start, self.path.clone(), shape))
    }

    /// The keys and values of a table whose keys are the user's own, in the order of their names.
    pub fn entries(&self) -> Vec<Field<'a>> {
        let Some(table) = self.table() else { return Vec::new() };
        table.iter().map(|(key, value)| Field::new(self.source, &self.path, key, value)).collect()
    }

    /// Whether it is a section with this key.
    pub fn has(&self, key: &str) -> bool {
        self.value.as_table().is_some_and(|table| table.contains_key(key))
    }

    /// The elements of a list, each under the name of the list.
    pub fn elements(&self) -> Option<Vec<Field<'a>>> {
        let elements = self.value.as_array()?.iter().map(|element| Field {
            value: element.get_ref(),
            start: element.span().start,
            ..self.clone()
        });
        Some(elements.collect())
    }

    fn table(&self) -> Option<&'a DeTable<'a>> {
        match self.value {
            DeValue::Table(table) => Some(table),
            _ => self.wrong_type("a section", format!("begin it with a line `[{}]`", self.path.join("."))),
        }
    }
}

/// The value at the end of `path`, if it is there; nothing is checked or reported.
pub(super) fn find<'a>(
    source: &'a Source<'a>,
    document: &'a DeTable<'a>,
    path: &[&str],
) -> Option<Field<'a>> {
    let (last, parents) = path.split_last()?;
    let table = parents.iter().try_fold(document, |table, key| table.get(*key)?.get_ref().as_table())?;
    let (key, value) = table.get_key_value(*last)?;
    Some(Field::new(source, &[], key, value))
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a section",
    }
}

/// A name from the file as a section's header would have it.
fn segment(name: &str) -> String {
    let bare = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    if bare { shown(name) } else { format!("\"{}\"", shown(name)) }
}

/// A name from the file, safe to print: cut to 80 characters, control characters escaped; not at all where it may be a
/// secret that was written in a name's place.
pub(super) fn shown(name: &str) -> String {
    if looks_like_a_secret(name) {
        return "…".to_owned();
    }
    name.chars().take(80).flat_map(char::escape_debug).collect()
}
