//! `templates` sections: an application's, and a company's laid over it.

use std::collections::BTreeMap;

use super::codes;
use super::names;
use super::params::{MAX_TEMPLATE, Template, Templates, Whatsapp};
use super::reader::Field;
use super::values;
use crate::base::{ContentSid, TemplateText};

/// The longest name.
const LONGEST_NAME: usize = 64;

/// The templates of one section, each under its name.
pub(super) fn read(section: &Field<'_>) -> Templates {
    let mut texts: BTreeMap<String, &str> = BTreeMap::new();
    let entries = section.entries().into_iter();
    let read = entries.filter_map(|entry| {
        let template = template(&entry)?;
        // The host takes the first of them for a message in this text, the other never.
        if let Some(other) = texts.insert(template.text.to_string(), entry.key) {
            let message = format!("`{}` has the same text as `{other}`, so one is never used", entry.key);
            let help = "remove one of them, or correct its text".to_owned();
            entry.source.report(entry.key_start, codes::CONFLICTING_KEYS, message, help);
        }
        Some((entry.key.to_owned(), template))
    });
    read.collect()
}

/// A company's templates: its own, over the application's where it sends with the application's account. A `ContentSid`
/// belongs to an account: another knows nothing of it.
pub(super) fn of_company(
    application: (&Whatsapp, &Templates),
    whatsapp: &Whatsapp,
    own: Templates,
) -> Templates {
    let (account, templates) = application;
    let mut all =
        if whatsapp.account_id == account.account_id { templates.clone() } else { Templates::new() };
    all.extend(own);
    all
}

fn template(entry: &Field<'_>) -> Option<Template> {
    let is_name = |name: &str| {
        (1..=LONGEST_NAME).contains(&name.len())
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    if !is_name(entry.key) {
        entry.source.report(
            entry.key_start,
            codes::INVALID_VALUE,
            format!("`{}` is not the name of a template", super::reader::shown(entry.key)),
            "rename the section: at most 64 letters, digits, `_`, `-` and `.`".to_owned(),
        );
    }
    let section = entry.section(&names::TEMPLATE)?;
    section.missing("content_sid", "add the template's `HX…`, as Twilio's console shows it");
    section.missing("text", "add the text with its placeholders, such as \"Ciao {{1}}, a presto.\"");
    let sid = section.get("content_sid").and_then(|field| values::sid(&field, "HX", "the SID of a template"));
    let text = section.get("text").and_then(|field| text(&field));
    Some(Template { content_sid: ContentSid::parse(&sid?).ok()?, text: text? })
}

fn text(field: &Field<'_>) -> Option<TemplateText> {
    let help = "copy the text from Twilio's console, with placeholders such as {{1}}";
    let text = match TemplateText::parse(field.text()?) {
        Ok(text) => text,
        Err(error) => return field.invalid(error.to_string(), help),
    };
    // One character for each placeholder, which takes no less.
    if text.length(|_| 1) > MAX_TEMPLATE {
        return field.invalid(format!("is longer than {MAX_TEMPLATE} characters, WhatsApp's most"), help);
    }
    Some(text)
}
