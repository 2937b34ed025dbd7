//! Sending: four thin forms over `whatsapp.send`.
//!
//! A call is read into a [`Request`]; what is wrong with it is an outcome with a sentence, not an exception, except an
//! argument of the wrong kind. What is left is a [`Send`], ready for the pipeline to commit and make.

use serde::Deserialize;
use serde_json::Value as Json;
use url::Url;

use crate::base::{AccountSid, CompanyId, PhoneNumber, Secret};
use crate::config::Whatsapp;
use crate::host::accounts::{api_base_url, own_account};
use crate::host::arguments::{phone_text, type_error};
use crate::host::functions::{Call, Reply};
use crate::host::{Arguments, RunContext, media};
use crate::script::protocol::{Thrown, Value};
use crate::store::HostKey;
use crate::whatsapp::{Account, MediaAddress, Outcome, OutgoingMessage, Sender};

/// A message that is ready to leave.
#[derive(Debug, Clone)]
pub struct Send {
    /// With whose key.
    pub account: Account,
    /// What. Its status callback is set by whoever sends it, because it names the message.
    pub message: OutgoingMessage,
    /// In whose name: the company of the callback URL.
    pub company: CompanyId,
    /// Where the message's medium is, if it has one.
    pub medium: Option<MediaAddress>,
    /// How the script wants to be told.
    pub form: OutcomeForm,
    /// What the outcome shall warn of.
    pub warnings: Vec<String>,
}

impl Send {
    /// The sender as the ledger names it.
    #[must_use]
    pub fn from(&self) -> String {
        match &self.message.sender {
            Sender::Number(number) => number.whatsapp(),
            Sender::MessagingService(sid) => sid.clone(),
        }
    }
}

impl Send {
    /// What is sent, as a hash that tells nothing of it: equal for equal contents. A signed URL counts without its
    /// signature, which differs from call to call.
    #[must_use]
    pub fn content_hash(&self, key: &HostKey) -> String {
        let message = &self.message;
        let part = |part: &Option<String>| part.clone().unwrap_or_default();
        let media = part(&message.media_url);
        let unsigned = media.split_once("?X-Goog-").map_or(&*media, |(url, _)| url);
        let parts = [
            &*part(&message.body),
            unsigned,
            &*part(&message.content_sid),
            &*part(&message.content_variables),
        ];
        let mut half = [0; 16];
        half.copy_from_slice(&key.hash(&parts)[..16]);
        format!("{:032x}", u128::from_be_bytes(half))
    }
}

/// How an outcome is handed to the script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeForm {
    /// A JSON string.
    Text,
    /// An object.
    Object,
}

impl OutcomeForm {
    /// The value that the script gets.
    #[must_use]
    pub fn value(self, outcome: &Outcome) -> Value {
        // An outcome is strings, numbers and lists of strings: it always serializes.
        let json = serde_json::to_string(outcome).unwrap_or_default();
        match self {
            Self::Text => Value::String(json),
            Self::Object => Value::Json(json),
        }
    }
}

/// A message as a script describes it.
#[derive(Debug, Default)]
struct Request {
    to: Option<String>,
    body: Option<String>,
    media_url: Option<String>,
    bucket: Option<String>,
    file: Option<String>,
    content_sid: Option<String>,
    content_variables: Option<String>,
    from: Option<String>,
    account_id: Option<String>,
    secret_key: Option<Secret>,
    company: Option<String>,
}

/// Why a request cannot be sent: a stable code and what to do.
struct Refused(&'static str, String);

fn refused<T>(code: &'static str, message: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(code, message.into()))
}

/// `sendWhatsappMessage(toPhoneNumber, message, publicMediaURL, bucketName, fileName)`
pub(super) fn send_whatsapp_message(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let arguments = call.arguments;
    let mut request = Request { to: arguments.phone(0)?, body: text(arguments, 1)?, ..Request::default() };
    read_media(&mut request, arguments, 2, 4)?;
    Ok(send(call.run, request, OutcomeForm::Text))
}

/// `sendWhatsappMessageWithSettings(accountId, secretKey, fromPhoneNr, toPhoneNumber, message, publicMediaURL,
/// bucketName, fileName)`
pub(super) fn send_whatsapp_message_with_settings(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let arguments = call.arguments;
    let mut request = settings(arguments)?;
    request.body = text(arguments, 4)?;
    read_media(&mut request, arguments, 5, 7)?;
    Ok(send(call.run, request, OutcomeForm::Text))
}

/// `sendWhatsappTemplate(toPhoneNumber, contentSid, variables)`
pub(super) fn send_whatsapp_template(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let arguments = call.arguments;
    let request = Request { to: arguments.phone(0)?, ..Request::default() };
    send_template(call, request, 1)
}

/// `sendWhatsappTemplateWithSettings(accountId, secretKey, fromPhoneNr, toPhoneNumber, contentSid, variables)`
pub(super) fn send_whatsapp_template_with_settings(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let request = settings(call.arguments)?;
    send_template(call, request, 4)
}

/// `whatsapp.send({ … })`
pub(super) fn whatsapp_send(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let request = match call.arguments.get(0) {
        Some(Value::Json(json)) if json.starts_with('{') => read_object(json)?,
        other => {
            return Err(call.arguments.wrong(
                0,
                "an object such as { to: \"+39…\", body: \"…\" }",
                other.unwrap_or(&Value::Undefined),
            ));
        }
    };
    Ok(send(call.run, request, OutcomeForm::Object))
}

fn send_template(call: &Call<'_>, mut request: Request, first: usize) -> Result<Reply, Thrown> {
    let arguments = call.arguments;
    request.content_sid = text(arguments, first)?;
    request.content_variables = match arguments.get(first + 1) {
        None => None,
        Some(Value::String(json) | Value::Json(json)) => Some(json.clone()),
        Some(other) => return Err(arguments.wrong(first + 1, "an object such as { 1: \"Ada\" }", other)),
    };
    if request.content_sid.is_none() {
        let outcome = Outcome::failed("CONTENT_SID_MISSING", "give the template's ContentSid (HX…)");
        return Ok(Reply::Return(OutcomeForm::Text.value(&outcome)));
    }
    Ok(send(call.run, request, OutcomeForm::Text))
}

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

fn is_http(text: &str) -> bool {
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
    unknown: serde_json::Map<String, Json>,
}

const MEMBERS: [&str; 11] = [
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

fn read_object(json: &str) -> Result<Request, Thrown> {
    let members: Members = serde_json::from_str(json)
        .map_err(|_| type_error("whatsapp.send: the message must be an object that JSON can hold"))?;
    if let Some(unknown) = members.unknown.keys().next() {
        let hint = crate::base::nearest(unknown, MEMBERS)
            .map_or_else(String::new, |known| format!(": did you mean `{known}`?"));
        return Err(type_error(format!(
            "whatsapp.send: there is no member `{}`{hint}",
            unknown.chars().take(60).collect::<String>().escape_debug()
        )));
    }
    Ok(Request {
        to: phone_member("to", members.to)?,
        body: member("body", members.body)?,
        media_url: member("mediaUrl", members.media_url)?,
        bucket: member("bucketName", members.bucket_name)?,
        file: member("fileName", members.file_name)?,
        content_sid: member("contentSid", members.content_sid)?,
        content_variables: match members.content_variables {
            Some(object @ Json::Object(_)) => Some(object.to_string()),
            other => member("contentVariables", other)?,
        },
        from: phone_member("from", members.from)?,
        account_id: member("accountId", members.account_id)?,
        secret_key: member("secretKey", members.secret_key)?.map(Secret::new),
        company: member("companyId", members.company_id)?,
    })
}

fn member(name: &str, value: Option<Json>) -> Result<Option<String>, Thrown> {
    match value {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text).filter(|text| !text.is_empty())),
        Some(_) => Err(type_error(format!("whatsapp.send: `{name}` must be a string"))),
    }
}

fn phone_member(name: &str, value: Option<Json>) -> Result<Option<String>, Thrown> {
    match value {
        Some(Json::Number(number)) => phone_text(&Value::Number(number.as_f64().unwrap_or(f64::NAN)))
            .map(Some)
            .ok_or_else(|| type_error(format!("whatsapp.send: `{name}` must be a phone number as a string"))),
        other => member(name, other),
    }
}

fn send(run: &RunContext, request: Request, form: OutcomeForm) -> Reply {
    match prepare(run, request, form) {
        Ok(send) => Reply::Send(Box::new(send)),
        Err(Refused(code, message)) => Reply::Return(form.value(&Outcome::failed(code, message))),
    }
}

fn prepare(run: &RunContext, request: Request, form: OutcomeForm) -> Result<Send, Refused> {
    let company = match &request.company {
        None => run.company.clone(),
        Some(text) => {
            CompanyId::parse(text).or_else(|error| refused("INVALID_COMPANY", error.to_string()))?
        }
    };
    let parameters = run.application.whatsapp_of(&company);
    let to = PhoneNumber::recipient(request.to.as_deref().unwrap_or(""), parameters.default_country_prefix)
        .or_else(|error| refused("INVALID_PHONE_NUMBER", error.to_string()))?;
    if request.body.is_none()
        && request.media_url.is_none()
        && request.bucket.is_none()
        && request.file.is_none()
        && request.content_sid.is_none()
    {
        return refused("MESSAGE_EMPTY", "give the message a text, a medium or a template");
    }
    let sender = sender(parameters, request.from.as_deref())?;
    let account = account(run, parameters, &request)?;
    let medium = medium(run, &request)?;
    let message = OutgoingMessage {
        to,
        sender,
        body: request.body,
        // As it was written, or as it was signed.
        media_url: request.media_url.or_else(|| medium.as_ref().map(|medium| medium.url().to_string())),
        content_sid: request.content_sid,
        content_variables: request.content_variables,
        status_callback: None,
    };
    Ok(Send { account, message, company, medium, form, warnings: Vec::new() })
}

fn sender(parameters: &Whatsapp, from: Option<&str>) -> Result<Sender, Refused> {
    if let Some(from) = from {
        return match PhoneNumber::sender(from) {
            Ok(number) => Ok(Sender::Number(number)),
            Err(error) => refused("INVALID_SENDER", format!("the sender's number: {error}")),
        };
    }
    if let Some(service) = &parameters.messaging_service_id {
        return Ok(Sender::MessagingService(service.clone()));
    }
    match &parameters.from_phone_number {
        Some(number) => Ok(Sender::Number(number.clone())),
        None => refused(
            "SENDER_MISSING",
            "there is no sender: an admin sets from_phone_number in WHATSAPP, or the call gives one",
        ),
    }
}

/// The account and key of the call's settings, else the parameters'.
fn account(run: &RunContext, parameters: &Whatsapp, request: &Request) -> Result<Account, Refused> {
    let Some(api_base_url) = api_base_url(parameters, run.simulator_url.as_ref()) else {
        return refused("SIMULATOR_MISSING", "the simulator is not running");
    };
    match (&request.account_id, &request.secret_key) {
        (Some(account_id), Some(key)) => match AccountSid::parse(account_id) {
            Ok(sid) => Ok(Account { username: sid.to_string(), sid, password: key.clone(), api_base_url }),
            Err(error) => refused("INVALID_ACCOUNT", format!("the account id: {error}")),
        },
        (None, None) => {
            own_account(parameters, api_base_url).map_or_else(
                || {
                    refused(
                        "ACCOUNT_MISSING",
                        "the application has no Twilio account: an admin sets account_id and auth_key in WHATSAPP, or \
                         the call gives accountId and secretKey",
                    )
                },
                Ok,
            )
        }
        _ => refused(
            "SETTINGS_INCOMPLETE",
            "accountId and secretKey go together: give both, or neither for the application's own",
        ),
    }
}

fn medium(run: &RunContext, request: &Request) -> Result<Option<MediaAddress>, Refused> {
    match (&request.media_url, &request.bucket, &request.file) {
        (None, None, None) => Ok(None),
        (Some(url), None, None) => match Url::parse(url) {
            Ok(parsed) if is_http(url) && parsed.has_host() => Ok(Some(MediaAddress::given(parsed))),
            _ => refused("MEDIA_URL", "the media URL must be an http(s) URL that Twilio can fetch"),
        },
        (None, Some(bucket), Some(file)) => {
            media::sign(run, bucket, file).map(Some).map_err(|(code, message)| Refused(code, message))
        }
        (None, Some(_), None) => refused("MEDIA_INCOMPLETE", "a bucketName needs a fileName"),
        (None, None, Some(_)) => refused("MEDIA_INCOMPLETE", "a fileName needs a bucketName"),
        (Some(_), _, _) => {
            refused("MEDIA_CONFLICT", "give a publicMediaURL, or bucketName and fileName, not both")
        }
    }
}
