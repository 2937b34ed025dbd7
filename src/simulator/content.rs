//! What a message says when it is made from a template: its variables, its text, and what WhatsApp makes of it.
//!
//! What Twilio sees by itself is refused at once (21654, 21655, 21656, 21658); what only WhatsApp finds out fails
//! afterwards: line breaks, tabs and rows of spaces in a variable (63013; Twilio's page on 21656 names them too),
//! variables that do not fit the placeholders (63028), a text that is too long (63021), a template that is not approved,
//! outside the 24-hour window (63016; within it WhatsApp takes it as a message of the conversation).
//!
//! Sources: <https://www.twilio.com/docs/api/errors/21656>, 21658, 63013, 63016, 63021, 63028.

use std::collections::BTreeMap;

use serde_json::Value;

use super::accept::is_sid;
use super::accounts::{SimulatedAccount, SimulatedTemplate};
use super::error::ApiError;
use super::rules::Rules;

/// The longest value of a variable that Twilio takes, in characters.
const MAX_VARIABLE: usize = 1600;
/// The longest text, its variables filled in, that WhatsApp takes, in characters.
const MAX_TEXT: usize = 1024;
/// As many spaces in a row may stand in a variable.
const MOST_SPACES: usize = 4;

/// A template that a message is made from, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Content {
    /// `HX…`.
    pub(super) sid: String,
    /// The variables, as they came.
    pub(super) variables: Option<String>,
    /// Where the template is registered: what it says.
    template: Option<SimulatedTemplate>,
    values: BTreeMap<String, String>,
}

impl Content {
    /// Checks the template of a request.
    pub(super) fn of(
        sid: Option<&str>,
        variables: Option<&str>,
        (account, rules): (&SimulatedAccount, Rules),
    ) -> Result<Option<Self>, ApiError> {
        let Some(sid) = sid else {
            return match variables {
                None => Ok(None),
                Some(_) => Err(ApiError::new(21654, "The ContentSid is Required")),
            };
        };
        let template = account.template(sid).cloned();
        // The parameters name templates whose texts are to be recognized, and need not name them all.
        if !is_sid(sid, "HX") || (template.is_none() && rules != Rules::Open) {
            return Err(ApiError::new(21655, "The ContentSid is Invalid"));
        }
        let values = variables.map_or_else(|| Ok(BTreeMap::new()), values)?;
        Ok(Some(Self { sid: sid.to_owned(), variables: variables.map(str::to_owned), template, values }))
    }

    /// What it says, where that is known.
    pub(super) fn text(&self) -> Option<String> {
        let value = |name: &str| self.values.get(name).map(String::as_str);
        self.template.as_ref().map(|template| template.text.filled(value))
    }

    /// Whether it may begin a conversation.
    pub(super) fn is_approved(&self) -> bool {
        self.template.as_ref().is_none_or(|template| template.approved)
    }

    /// Why WhatsApp fails it, as Twilio's code. `is_in_window`: whether the recipient has written within 24 hours. Rules
    /// that are open lift this one as little as the others: whoever registers a template as not approved wants to see it.
    pub(super) fn failure(&self, is_in_window: bool) -> Option<i64> {
        if self.values.values().any(|value| is_disliked(value)) {
            return Some(63013);
        }
        let Some(template) = &self.template else {
            let length: usize = self.values.values().map(|value| value.chars().count()).sum();
            return (length > MAX_TEXT).then_some(63021); // its variables alone are too long
        };
        let names: Vec<_> = template.text.placeholders().collect();
        let is_given = |name: &&str| self.values.contains_key(*name);
        if !template.approved && !is_in_window {
            return Some(63016);
        }
        if names.len() != self.values.len() || !names.iter().all(is_given) {
            return Some(63028);
        }
        (self.text()?.chars().count() > MAX_TEXT).then_some(63021)
    }
}

/// The variables: an object of texts that WhatsApp would show.
fn values(variables: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let invalid = || ApiError::new(21656, "The ContentVariables Parameter is invalid");
    let Ok(Value::Object(map)) = serde_json::from_str(variables) else { return Err(invalid()) };
    let value = |(name, value): (String, Value)| {
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            Value::Bool(value) => value.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => return Err(invalid()),
        };
        if text.chars().count() > MAX_VARIABLE {
            let message = format!("The variable {name} exceeds the {MAX_VARIABLE} character limit.");
            return Err(ApiError::new(21658, message));
        }
        if text.trim().is_empty() { Err(invalid()) } else { Ok((name, text)) }
    };
    map.into_iter().map(value).collect()
}

fn is_disliked(value: &str) -> bool {
    value.contains(['\n', '\r', '\t']) || value.contains(&" ".repeat(MOST_SPACES + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{AccountSid, ContentSid, Secret, TemplateText};

    const KNOWN: &str = "HX00000000000000000000000000000001";
    const OTHER: &str = "HX00000000000000000000000000000002";

    fn account(text: Option<&str>, approved: bool) -> SimulatedAccount {
        let sid = AccountSid::parse("AC00000000000000000000000000000001").unwrap();
        let template = text.map(|text| SimulatedTemplate {
            sid: ContentSid::parse(KNOWN).unwrap(),
            text: TemplateText::parse(text).unwrap(),
            approved,
        });
        SimulatedAccount {
            templates: template.into_iter().collect(),
            ..SimulatedAccount::new(sid, Secret::new("t"), [])
        }
    }

    fn code(sid: Option<&str>, variables: Option<&str>, text: Option<&str>, rules: Rules) -> Option<i64> {
        Content::of(sid, variables, (&account(text, true), rules)).err().map(|error| error.code)
    }

    #[test]
    fn twilio_refuses_what_it_sees_by_itself() {
        let known = Some(KNOWN);
        assert_eq!(code(known, None, None, Rules::Open), None, "open rules know every template");
        assert_eq!(code(known, None, None, Rules::Sandbox), Some(21655));
        assert_eq!(code(Some(OTHER), None, Some("Ciao"), Rules::Open), None);
        assert_eq!(code(known, None, Some("Ciao"), Rules::Sandbox), None);
        assert_eq!(code(Some(OTHER), None, Some("Ciao"), Rules::Production), Some(21655));
        assert_eq!(code(Some("HX1"), None, None, Rules::Open), Some(21655));
        assert_eq!(code(None, Some("{}"), None, Rules::Open), Some(21654));
        let long = format!(r#"{{"1":"{}"}}"#, "é".repeat(1601));
        assert_eq!(code(known, Some(&long), None, Rules::Open), Some(21658));
        for bad in ["[1]", "{1:2}", r#"{"1":null}"#, r#"{"1":{}}"#, r#"{"1":" "}"#] {
            assert_eq!(code(known, Some(bad), None, Rules::Open), Some(21656), "{bad}");
        }
        assert_eq!(code(known, Some(r#"{"1":"a    b","2":3,"x":true}"#), None, Rules::Open), None);
    }

    #[test]
    fn whatsapp_fails_what_does_not_fit() {
        let failure = |variables: Option<&str>, approved, is_in_window| {
            let account = account(
                Some("Ciao {{1}}, a presto {{1}}{{name}}!".replace("}}{{", "}} {{").as_str()),
                approved,
            );
            let content = Content::of(Some(KNOWN), variables, (&account, Rules::Open)).unwrap().unwrap();
            content.failure(is_in_window)
        };
        let good = Some(r#"{"1":"Anna","name":"B."}"#);
        assert_eq!(failure(good, true, false), None);
        assert_eq!(failure(None, true, false), Some(63028));
        assert_eq!(failure(Some(r#"{"1":"Anna"}"#), true, false), Some(63028));
        assert_eq!(failure(Some(r#"{"1":"Anna","name":"B.","2":"x"}"#), true, false), Some(63028));
        let long = format!(r#"{{"1":"{}","name":"x"}}"#, "è".repeat(510));
        assert_eq!(failure(Some(&long), true, false), Some(63021), "the first stands there twice");
        for disliked in ["a\\nb", "a\\tb", "a     b"] {
            let variables = format!(r#"{{"1":"{disliked}","name":"x"}}"#);
            assert_eq!(failure(Some(&variables), true, true), Some(63013), "{disliked}");
        }
        assert_eq!(failure(good, false, false), Some(63016));
        assert_eq!(failure(good, false, true), None, "within the window it is a message like others");
    }

    #[test]
    fn the_text_of_a_known_template_is_filled_in() {
        let account = account(Some("Ciao {{1}}, ordine {{2}}."), true);
        let text =
            |variables| Content::of(Some(KNOWN), variables, (&account, Rules::Open)).unwrap().unwrap().text();
        assert_eq!(text(Some(r#"{"1":"Anna","2":7}"#)).as_deref(), Some("Ciao Anna, ordine 7."));
        assert_eq!(text(Some(r#"{"1":"Anna"}"#)).as_deref(), Some("Ciao Anna, ordine {{2}}."));
    }
}
