//! A call that sends, read into a [`Request`]: nothing is decided here but what each argument is.

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use crate::base::{Secret, nearest};
use crate::host::Arguments;
use crate::host::arguments::{phone_text, type_error};
use crate::script::protocol::{Thrown, Value};

/// A message as a script describes it.
#[derive(Debug, Default)]
pub(super) struct Request {
    pub(super) to: Option<String>,
    pub(super) body: Option<String>,
    pub(super) media_url: Option<String>,
    pub(super) bucket: Option<String>,
    pub(super) file: Option<String>,
    /// Whether the call is one that sends templates only.
    pub(super) must_be_template: bool,
    pub(super) content_sid: Option<String>,
    /// A JSON object, if it is what it should be.
    pub(super) content_variables: Option<String>,
    pub(super) from: Option<String>,
    pub(super) account_id: Option<String>,
    pub(super) secret_key: Option<Secret>,
    pub(super) company: Option<String>,
}

impl Request {
    /// Whether a medium was asked for, completely or not.
    pub(super) fn has_media(&self) -> bool {
        self.media_url.is_some() || self.bucket.is_some() || self.file.is_some()
    }

    /// `sendWhatsappMessage(toPhoneNumber, message, publicMediaURL, bucketName, fileName)`
    pub(super) fn message(arguments: Arguments<'_>) -> Result<Self, Thrown> {
        let mut request = Self { to: arguments.phone(0)?, body: text(arguments, 1)?, ..Self::default() };
        read_media(&mut request, arguments, 2, 4)?;
        Ok(request)
    }

    /// `sendWhatsappMessageWithSettings(accountId, secretKey, fromPhoneNr, toPhoneNumber, message, publicMediaURL,
    /// bucketName, fileName)`
    pub(super) fn message_with_settings(arguments: Arguments<'_>) -> Result<Self, Thrown> {
        let mut request = Self { body: text(arguments, 4)?, ..settings(arguments)? };
        read_media(&mut request, arguments, 5, 7)?;
        Ok(request)
    }

    /// `sendWhatsappTemplate(toPhoneNumber, contentSid, variables)`
    pub(super) fn template(arguments: Arguments<'_>) -> Result<Self, Thrown> {
        let request = Self { to: arguments.phone(0)?, ..Self::default() };
        request.with_template(arguments, 1)
    }

    /// `sendWhatsappTemplateWithSettings(accountId, secretKey, fromPhoneNr, toPhoneNumber, contentSid, variables)`
    pub(super) fn template_with_settings(arguments: Arguments<'_>) -> Result<Self, Thrown> {
        settings(arguments)?.with_template(arguments, 4)
    }

    /// `whatsapp.send({ … })`
    pub(super) fn object(arguments: Arguments<'_>) -> Result<Self, Thrown> {
        match arguments.get(0) {
            Some(Value::Json(json)) if json.starts_with('{') => read_object("whatsapp.send", json),
            other => Err(arguments.wrong(
                0,
                "an object such as { to: \"+39…\", body: \"…\" }",
                other.unwrap_or(&Value::Undefined),
            )),
        }
    }

    /// What an action returned that a message started; none, if it says nothing that could be sent.
    pub(super) fn reply(arguments: Arguments<'_>) -> Result<Option<Self>, Thrown> {
        match arguments.get(0) {
            Some(Value::String(body)) => Ok(Some(Self { body: Some(body.clone()), ..Self::default() })),
            Some(Value::Json(json)) if json.starts_with('{') => {
                // What is nested too deep to be read is no reply either.
                let Ok(given) = serde_json::from_str::<Map<String, Json>>(json) else { return Ok(None) };
                if !CONTENT.iter().any(|name| given.contains_key(*name)) {
                    return Ok(None);
                }
                if let Some(name) = ADDRESS.iter().find(|name| given.contains_key(**name)) {
                    return Err(type_error(format!(
                        "reply: there is no member `{name}`: a reply goes to the person who wrote, from the sender that \
                         was written to; utils.whatsapp.send sends to others"
                    )));
                }
                read_object("reply", json).map(Some)
            }
            _ => Ok(None),
        }
    }

    fn with_template(self, arguments: Arguments<'_>, first: usize) -> Result<Self, Thrown> {
        let content_variables = match arguments.get(first + 1) {
            None => None,
            Some(Value::String(json)) => Some(json.clone()).filter(|json| !json.is_empty()),
            Some(Value::Json(json)) if json.starts_with('{') => Some(json.clone()),
            Some(other) => return Err(arguments.wrong(first + 1, VARIABLES, other)),
        };
        let content_sid = text(arguments, first)?;
        Ok(Self { content_sid, content_variables, must_be_template: true, ..self })
    }
}

/// What variables must be.
const VARIABLES: &str = "an object such as { 1: \"Ada\" }, or its JSON";

/// The first four arguments of the functions `…WithSettings`.
fn settings(arguments: Arguments<'_>) -> Result<Request, Thrown> {
    Ok(Request {
        account_id: text(arguments, 0)?,
        secret_key: text(arguments, 1)?.map(Secret::new),
        from: arguments.phone(2)?,
        to: arguments.phone(3)?,
        ..Request::default()
    })
}

/// An optional text: empty is nothing, as scripts that build their arguments expect.
fn text(arguments: Arguments<'_>, index: usize) -> Result<Option<String>, Thrown> {
    Ok(arguments.string(index)?.filter(|text| !text.is_empty()).map(str::to_owned))
}

/// Reads `publicMediaURL, bucketName, fileName` from `first` on. Called with exactly `short` arguments, the last two
/// are publicMediaURL and a null bucketName when the first of them is an http(s) URL or the second is null, and
/// bucketName and fileName otherwise.
fn read_media(
    request: &mut Request,
    arguments: Arguments<'_>,
    first: usize,
    short: usize,
) -> Result<(), Thrown> {
    let (one, two) = (text(arguments, first)?, text(arguments, first + 1)?);
    if arguments.count() == short && two.is_some() && !one.as_deref().is_some_and(is_http) {
        (request.bucket, request.file) = (one, two);
    } else {
        (request.media_url, request.bucket, request.file) = (one, two, text(arguments, first + 2)?);
    }
    Ok(())
}

pub(super) fn is_http(text: &str) -> bool {
    let scheme = text.get(..8).unwrap_or(text).to_ascii_lowercase();
    scheme.starts_with("http://") || scheme.starts_with("https://")
}

/// The members of `whatsapp.send`'s argument.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members {
    to: Option<Json>,
    body: Option<Json>,
    media_url: Option<Json>,
    bucket_name: Option<Json>,
    file_name: Option<Json>,
    content_sid: Option<Json>,
    content_variables: Option<Json>,
    from: Option<Json>,
    account_id: Option<Json>,
    secret_key: Option<Json>,
    company_id: Option<Json>,
    #[serde(flatten)]
    unknown: Map<String, Json>,
}

pub(super) const MEMBERS: [&str; 11] = [
    "to",
    "body",
    "mediaUrl",
    "bucketName",
    "fileName",
    "contentSid",
    "contentVariables",
    "from",
    "accountId",
    "secretKey",
    "companyId",
];

/// Those of them that say what is sent: a reply has no others.
const CONTENT: [&str; 6] = ["body", "mediaUrl", "bucketName", "fileName", "contentSid", "contentVariables"];
const ADDRESS: [&str; 5] = ["to", "from", "accountId", "secretKey", "companyId"];

/// What the members are called elsewhere: as arguments of the other functions, and at Twilio.
pub(super) const ALIASES: [(&str, &str); 13] = [
    ("toPhoneNumber", "to"),
    ("phone", "to"),
    ("recipient", "to"),
    ("message", "body"),
    ("text", "body"),
    ("publicMediaURL", "mediaUrl"),
    ("media", "mediaUrl"),
    ("url", "mediaUrl"),
    ("template", "contentSid"),
    ("variables", "contentVariables"),
    ("fromPhoneNr", "from"),
    ("authToken", "secretKey"),
    ("accountSid", "accountId"),
];

fn no_object(function: &str) -> Thrown {
    type_error(format!("{function}: the message must be an object that JSON can hold"))
}

fn read_object(function: &str, json: &str) -> Result<Request, Thrown> {
    let members: Members = serde_json::from_str(json).map_err(|_| no_object(function))?;
    if let Some(unknown) = members.unknown.keys().next() {
        let meant =
            ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(unknown)).map(|(_, known)| *known);
        let hint = meant
            .or_else(|| nearest(unknown, MEMBERS))
            .map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
        return Err(type_error(format!(
            "{function}: there is no member `{}`{hint}",
            unknown.chars().take(60).collect::<String>().escape_debug()
        )));
    }
    Ok(Request {
        to: phone_member(function, "to", members.to)?,
        body: member(function, "body", members.body)?,
        media_url: member(function, "mediaUrl", members.media_url)?,
        bucket: member(function, "bucketName", members.bucket_name)?,
        file: member(function, "fileName", members.file_name)?,
        content_sid: member(function, "contentSid", members.content_sid)?,
        content_variables: match members.content_variables {
            Some(object @ Json::Object(_)) => Some(object.to_string()),
            Some(Json::String(json)) => Some(json).filter(|json| !json.is_empty()),
            None | Some(Json::Null) => None,
            Some(other) => return Err(wrong_member(function, "contentVariables", VARIABLES, &other)),
        },
        from: phone_member(function, "from", members.from)?,
        account_id: member(function, "accountId", members.account_id)?,
        secret_key: member(function, "secretKey", members.secret_key)?.map(Secret::new),
        company: member(function, "companyId", members.company_id)?,
        must_be_template: false,
    })
}

fn member(function: &str, name: &str, value: Option<Json>) -> Result<Option<String>, Thrown> {
    match value {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(other) => Err(wrong_member(function, name, "a string", &other)),
    }
}

fn phone_member(function: &str, name: &str, value: Option<Json>) -> Result<Option<String>, Thrown> {
    match value {
        Some(Json::Number(number)) => {
            let wrong =
                || wrong_member(function, name, "a phone number as a string", &Json::Number(number.clone()));
            let value = Value::Number(number.as_f64().unwrap_or(f64::NAN));
            phone_text(&value).map(Some).ok_or_else(wrong)
        }
        other => member(function, name, other),
    }
}

fn wrong_member(function: &str, name: &str, wanted: &str, given: &Json) -> Thrown {
    let given = match given {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => format!("the boolean {value}"),
        Json::Number(number) => format!("the number {number}"),
        Json::String(_) => "a string".to_owned(),
        Json::Array(_) => "an array".to_owned(),
        Json::Object(_) => "an object".to_owned(),
    };
    type_error(format!("{function}: `{name}` must be {wanted}, and was {given}"))
}
