//! What a message says: a text, or a template with its variables; checked against WhatsApp's limits before anything
//! leaves, because Twilio takes some of what WhatsApp refuses later.
//!
//! Characters are Unicode's code points, of which an emoji is one or more. Twilio does not say how it counts: of the ways
//! that there are this one gives the least, so that nothing is refused here that Twilio might take.
//!
//! Sources: <https://www.twilio.com/docs/errors/21617> (1,600 characters), 63021 (a template's 1,024), 63013 (empty
//! variables, rows of spaces), 21656 (the form of the variables).

use std::cmp::Reverse;

use serde_json::{Map, Value as Json};

use crate::base::{ContentSid, TemplateText};
use crate::config::{MAX_TEMPLATE, Templates};
use crate::host::messages::{Refused, refused};
use crate::host::request::Request;

/// The longest text of a message that is no template.
const MAX_BODY: usize = 1600;
/// As many spaces in a row may stand in a variable.
const MOST_SPACES: usize = 4;

/// What a message says.
pub(super) struct Content<'a> {
    /// The text, where it is no template.
    pub(super) body: Option<String>,
    /// The template.
    pub(super) sid: Option<ContentSid>,
    /// The template's variables, a JSON object of texts.
    pub(super) variables: Option<String>,
    /// The name of the template in whose words the text was written.
    pub(super) found_as: Option<&'a str>,
}

impl<'a> Content<'a> {
    /// The content of a request; `templates` are those of the account that sends, as far as they are known.
    pub(super) fn of(
        request: &Request,
        templates: Option<&'a Templates>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Refused> {
        match &request.content_sid {
            Some(sid) => Self::template(request, sid, templates, warnings),
            None if request.must_be_template => refused(
                "CONTENT_SID_MISSING",
                "give the template's ContentSid (HX…), as Twilio's console shows it",
            ),
            None if request.content_variables.is_some() => refused(
                "CONTENT_SID_MISSING",
                "contentVariables belong to a template: give its contentSid (HX…) too, or leave them out",
            ),
            None => Self::plain(request, templates, warnings),
        }
    }

    fn template(
        request: &Request,
        sid: &str,
        templates: Option<&Templates>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Refused> {
        let sid = ContentSid::parse(sid).or_else(|error| {
            let message = format!("{error}; Twilio's console shows it beside the template");
            refused("CONTENT_SID", message)
        })?;
        let variables = request.content_variables.as_deref().map_or_else(|| Ok(Map::new()), variables)?;
        let known = templates.and_then(|known| known.values().find(|template| template.content_sid == sid));
        check(&variables, known.map(|template| &template.text), warnings)?;
        if request.body.is_some() {
            warnings.push("the text is not sent: a template has its own".to_owned());
        }
        if request.has_media() {
            warnings.push("the medium is not sent: a template has its own, or none".to_owned());
        }
        Ok(Self { body: None, sid: Some(sid), variables: json(variables), found_as: None })
    }

    fn plain(
        request: &Request,
        templates: Option<&'a Templates>,
        warnings: &mut Vec<String>,
    ) -> Result<Self, Refused> {
        // WhatsApp shows nothing of a text that is blank.
        let Some(body) = request.body.as_deref().filter(|body| !body.trim().is_empty()) else {
            if !request.has_media() {
                return refused(
                    "MESSAGE_EMPTY",
                    "give the message a text that is not blank, a medium or a template",
                );
            }
            return Ok(Self { body: None, sid: None, variables: None, found_as: None });
        };
        let length = length(body);
        if length > MAX_BODY {
            let message = format!(
                "the text has {length} characters, and a message takes {MAX_BODY}: shorten it, \
                 or split it into {} messages",
                length.div_ceil(MAX_BODY)
            );
            return refused("MESSAGE_TOO_LONG", message);
        }
        let found =
            templates.filter(|_| !request.has_media()).and_then(|templates| in_words_of(body, templates));
        let Some((name, sid, variables)) = found else {
            return Ok(Self { body: Some(body.to_owned()), sid: None, variables: None, found_as: None });
        };
        check(&variables, templates.and_then(|known| known.get(name)).map(|known| &known.text), warnings)?;
        Ok(Self { body: None, sid: Some(sid.clone()), variables: json(variables), found_as: Some(name) })
    }
}

/// The template in whose words a text is written, with its variables. Where several fit, the one with the most words
/// of its own says most about what was meant; of equal ones the first by name.
fn in_words_of<'a>(
    body: &str,
    templates: &'a Templates,
) -> Option<(&'a str, &'a ContentSid, Map<String, Json>)> {
    let fitting = templates
        .iter()
        .filter_map(|(name, template)| Some((name.as_str(), template, template.text.variables(body)?)));
    let (name, template, variables) =
        fitting.max_by_key(|(name, template, _)| (template.text.length(|_| 0), Reverse(*name)))?;
    let variables = variables.into_iter().map(|(name, value)| (name, Json::String(value))).collect();
    Some((name, &template.content_sid, variables))
}

/// Variables as Twilio wants them: texts, none of them blank.
fn variables(json: &str) -> Result<Map<String, Json>, Refused> {
    let Ok(Json::Object(given)) = serde_json::from_str(json) else {
        return refused(
            "CONTENT_VARIABLES",
            "the variables must be an object such as { 1: \"Ada\" }, or its JSON such as {\"1\":\"Ada\"}",
        );
    };
    let text = |(name, value): (String, Json)| {
        let what_is_wrong = match value {
            Json::String(text) if !text.trim().is_empty() => return Ok((name, Json::String(text))),
            Json::Number(number) => return Ok((name, Json::String(number.to_string()))),
            Json::Bool(value) => return Ok((name, Json::String(value.to_string()))),
            Json::String(_) => "blank, which WhatsApp refuses",
            Json::Null => "null",
            Json::Array(_) => "an array",
            Json::Object(_) => "an object",
        };
        let message = format!("the variable `{}` is {what_is_wrong}: give each a text", shown(&name));
        refused("CONTENT_VARIABLES", message)
    };
    given.into_iter().map(text).collect()
}

/// Refuses what is too long, and warns of what WhatsApp will not like.
fn check(
    variables: &Map<String, Json>,
    text: Option<&TemplateText>,
    warnings: &mut Vec<String>,
) -> Result<(), Refused> {
    let value = |name: &str| variables.get(name).and_then(Json::as_str);
    let length = match text {
        Some(text) => text.length(|name| value(name).map_or(0, length)),
        None => variables.values().filter_map(Json::as_str).map(length).sum(),
    };
    if length > MAX_TEMPLATE {
        let what = if text.is_some() { "the template with its variables has" } else { "the variables have" };
        let message =
            format!("{what} {length} characters, and WhatsApp takes {MAX_TEMPLATE}: shorten the variables");
        return refused("TEMPLATE_TOO_LONG", message);
    }
    for name in variables.keys().filter(|name| value(name).is_some_and(is_disliked)) {
        warnings.push(format!(
            "the variable `{}` holds a line break, a tab or more than {MOST_SPACES} spaces in a row, and WhatsApp may \
             refuse it",
            shown(name)
        ));
    }
    let Some(text) = text else { return Ok(()) };
    for name in text.placeholders().filter(|name| value(name).is_none()) {
        warnings
            .push(format!("the template has a placeholder {{{{{name}}}}}, for which no variable was given"));
    }
    for name in variables.keys().filter(|name| !text.placeholders().any(|known| known == name.as_str())) {
        warnings.push(format!("the template has no placeholder for the variable `{}`", shown(name)));
    }
    Ok(())
}

fn is_disliked(value: &str) -> bool {
    value.contains(['\n', '\r', '\t']) || value.contains(&" ".repeat(MOST_SPACES + 1))
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn json(variables: Map<String, Json>) -> Option<String> {
    (!variables.is_empty()).then(|| Json::Object(variables).to_string())
}

/// A name that a script chose, for a sentence.
fn shown(name: &str) -> String {
    name.chars().take(40).flat_map(char::escape_debug).collect()
}
