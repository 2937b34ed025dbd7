//! Secrets: given literally, by an environment variable or by a file. No message shows one.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use toml::de::DeValue;

use super::codes;
use super::reader::Field;
use crate::base::{Diagnostic, Exposure, Secret};

/// Twilio shows two auth tokens at most while one is replaced; one more leaves room for the old host's.
const MOST_IN_ROTATION: usize = 3;
/// No key is as large: a secret's file that is larger is another file, or a device that never ends.
const LARGEST_FILE: u64 = 16 * 1024;
const FORMS: &str = "write the secret in quotes, or `{ env = \"NAME\" }` for an environment variable, or `{ file = \"path\" }`";

/// One secret, or a list with the current one first while keys rotate.
pub(super) fn rotation(field: &Field<'_>) -> Option<Vec<Secret>> {
    let Some(elements) = field.elements() else {
        return single(field).map(|secret| vec![secret]);
    };
    if !(1..=MOST_IN_ROTATION).contains(&elements.len()) {
        return field.invalid(
            format!("must list 1 to {MOST_IN_ROTATION} secrets"),
            "list the current secret first, then the next one: [current, next]",
        );
    }
    // Not straight into an Option, which would stop at the first problem.
    let secrets: Vec<Option<Secret>> = elements.iter().map(single).collect();
    secrets.into_iter().collect()
}

/// One secret.
pub(super) fn single(field: &Field<'_>) -> Option<Secret> {
    match field.value {
        DeValue::String(text) => sound(field, text, codes::INVALID_VALUE, "is"),
        DeValue::Table(_) => indirect(field),
        _ => field.wrong_type("a text or a table", FORMS),
    }
}

/// Whether the value is, or has in its list, a secret written out; if so, where.
pub(super) fn literal_at<'a>(field: &Field<'a>) -> Option<Field<'a>> {
    let elements = field.elements().unwrap_or_else(|| vec![field.clone()]);
    elements.into_iter().find(|element| element.value.is_str())
}

fn indirect(field: &Field<'_>) -> Option<Secret> {
    // Names in here are not shown: somebody may well have written the secret as one.
    let entries = field.entries();
    let [origin] = entries.as_slice() else {
        return field.invalid("must have exactly one of `env` and `file`", FORMS);
    };
    match origin.key {
        "env" => from_variable(origin),
        "file" => from_file(origin),
        _ => field.invalid("must have exactly one of `env` and `file`", FORMS),
    }
}

fn from_variable(origin: &Field<'_>) -> Option<Secret> {
    let name = origin.text()?;
    if !is_variable_name(name) || looks_like_a_secret(name) {
        return origin.invalid(
            "must be the name of an environment variable",
            "write the variable's name here, and the secret into the variable",
        );
    }
    let Some(value) = origin.source.variable(name) else {
        return origin.refuse(
            codes::SECRET_UNAVAILABLE,
            format!("names the variable {name}, which is not set"),
            format!("set {name} in the environment of the host"),
        );
    };
    sound(origin, value.expose(), codes::SECRET_UNAVAILABLE, &format!("names the variable {name}, which is"))
}

fn from_file(origin: &Field<'_>) -> Option<Secret> {
    let name = origin.text()?;
    if name.is_empty() || looks_like_a_secret(name) {
        return origin
            .invalid("must be a path", "write the path of a file here, and the secret into the file");
    }
    if let Some(stand_in) = origin.source.stand_in() {
        return Some(stand_in);
    }
    let path = origin.source.resolve(name);
    origin.source.takes_from(&path);
    let shown = path.display().to_string().escape_debug().to_string();
    let unavailable = |why: &str| {
        origin.refuse(
            codes::SECRET_UNAVAILABLE,
            format!("names the file {shown}, which {why}"),
            "write the secret, and nothing else, into a file that the host may read",
        )
    };
    let mut text = String::new();
    let mut exposure = None;
    let read = File::open(&path).and_then(|file| {
        exposure = Exposure::beyond_host(&file.metadata()?);
        file.take(LARGEST_FILE + 1).read_to_string(&mut text)
    });
    let text = Secret::new(text);
    match read {
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => return unavailable("is not a text"),
        Err(error) => return unavailable(&format!("can't be read: {error}")),
        Ok(_) if text.expose().len() as u64 > LARGEST_FILE => {
            return unavailable("is too large for a secret");
        }
        Ok(_) => {}
    }
    let value = text.expose().trim_end_matches(['\r', '\n']);
    warn_if_exposed(origin, &path, exposure);
    sound(origin, value, codes::SECRET_UNAVAILABLE, &format!("names the file {shown}, which is"))
}

/// Warns of a file with a secret in it that others can read.
pub(super) fn warn_if_exposed(origin: &Field<'_>, file: &Path, exposure: Option<Exposure>) {
    let Some(mode) = exposure else { return };
    let file = file.display();
    let message = format!(
        "`{}` names a file that other users of this computer can read: {file} has the mode {mode}",
        origin.key
    );
    let warning = Diagnostic::warning(codes::SECRET_EXPOSED, message);
    let place = origin.source.place(origin.start());
    origin.source.warn(warning.at(place).help(format!("make it the owner's alone: chmod 600 {file}")));
}

/// Refuses what no key looks like: nothing at all, or blanks around it, which come with copying.
fn sound(field: &Field<'_>, value: &str, code: &'static str, subject: &str) -> Option<Secret> {
    if value.trim().is_empty() {
        return field.refuse(code, format!("{subject} empty"), FORMS);
    }
    if value.trim() != value || value.contains(char::is_control) {
        return field.refuse(
            code,
            format!("{subject} not a key: it has blanks around it, or a line break inside"),
            "copy the secret without what stands around it",
        );
    }
    Some(Secret::new(value))
}

fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// What examples have in the place of a key.
pub(super) fn looks_like_a_placeholder(text: &str) -> bool {
    let folded = text.to_lowercase();
    let mut characters = folded.trim_start_matches("ac").trim_start_matches("sk").chars();
    let first = characters.next();
    let is_one_character = text.len() > 7 && characters.all(|c| Some(c) == first);
    let words = ["your", "xxx", "placeholder", "changeme", "change_me", "change-me", "todo", "<", "…", "..."];
    is_one_character || words.iter().any(|word| folded.contains(word))
}

/// Twilio's auth tokens and API secrets are 32 letters and digits.
pub(super) fn looks_like_a_secret(text: &str) -> bool {
    text.len() == 32
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
        && text.bytes().any(|b| b.is_ascii_digit())
}
