//! Sending: four thin forms over `whatsapp.send`.
//!
//! A call is read into a [`Request`], where an argument of the wrong kind is an exception. Everything else that is wrong
//! is an outcome with a sentence, which names recipient and sender where they are known. What is left is a [`Send`],
//! ready for the pipeline to commit and make.

use url::Url;

use crate::base::{AccountSid, CompanyId, PhoneNumber};
use crate::config::Whatsapp;
use crate::host::accounts::{api_base_url, no_account, own_account};
use crate::host::content::Content;
use crate::host::functions::{Call, Reply};
use crate::host::request::{Request, is_http};
use crate::host::{RunContext, media};
use crate::script::protocol::{LogLevel, Thrown, Value};
use crate::store::HostKey;
use crate::whatsapp::{Account, MediaAddress, Outcome, OutgoingMessage, Sender};

/// A message that is ready to leave.
#[derive(Debug, Clone)]
pub struct Send {
    /// With whose key.
    pub account: Account,
    /// Whether the call brought account and key along: the key is remembered then, for the message's callbacks.
    pub brings_key: bool,
    /// What. Its status callback is set by whoever sends it, because it names the message.
    pub message: OutgoingMessage,
    /// In whose name: the company of the callback URL.
    pub company: CompanyId,
    /// Where the message's medium is, if it has one.
    pub medium: Option<MediaAddress>,
    /// How its outcome is told.
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

    /// Whether it is a reply by return: no script waits for its outcome, and it answers one message.
    #[must_use]
    pub fn is_reply(&self) -> bool {
        self.form == OutcomeForm::Log
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
        let body = part(&message.body);
        let parts = [
            body.trim(), // white space around it makes no other message
            unsigned,
            &*part(&message.content_sid),
            &*part(&message.content_variables),
        ];
        let mut half = [0; 16];
        half.copy_from_slice(&key.hash(&parts)[..16]);
        format!("{:032x}", u128::from_be_bytes(half))
    }
}

/// How an outcome is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeForm {
    /// To the script, as a JSON string.
    Text,
    /// To the script, as an object.
    Object,
    /// To no script: the run's log tells it.
    Log,
}

impl OutcomeForm {
    /// The value that answers the call.
    #[must_use]
    pub fn value(self, outcome: &Outcome) -> Value {
        // An outcome is strings, numbers and lists of strings: it always serializes.
        let json = serde_json::to_string(outcome).unwrap_or_default();
        match self {
            Self::Text => Value::String(json),
            Self::Object | Self::Log => Value::Json(json),
        }
    }
}

/// Why a request cannot be sent: a stable code and what to do.
pub(super) struct Refused(pub(super) &'static str, pub(super) String);

pub(super) fn refused<T>(code: &'static str, message: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(code, message.into()))
}

/// `sendWhatsappMessage(toPhoneNumber, message, publicMediaURL, bucketName, fileName)`
pub(super) fn send_whatsapp_message(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    Ok(send(call, &Request::message(call.arguments)?, OutcomeForm::Text))
}

/// `sendWhatsappMessageWithSettings(accountId, secretKey, fromPhoneNr, toPhoneNumber, message, publicMediaURL,
/// bucketName, fileName)`
pub(super) fn send_whatsapp_message_with_settings(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    Ok(send(call, &Request::message_with_settings(call.arguments)?, OutcomeForm::Text))
}

/// `sendWhatsappTemplate(toPhoneNumber, contentSid, variables)`
pub(super) fn send_whatsapp_template(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    Ok(send(call, &Request::template(call.arguments)?, OutcomeForm::Text))
}

/// `sendWhatsappTemplateWithSettings(accountId, secretKey, fromPhoneNr, toPhoneNumber, contentSid, variables)`
pub(super) fn send_whatsapp_template_with_settings(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    Ok(send(call, &Request::template_with_settings(call.arguments)?, OutcomeForm::Text))
}

/// `whatsapp.send({ … })`
pub(super) fn whatsapp_send(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    Ok(send(call, &Request::object(call.arguments)?, OutcomeForm::Object))
}

/// Whom a request is about, as far as that could be read: an outcome tells it although nothing is sent.
#[derive(Default)]
pub(super) struct Between {
    pub(super) to: Option<String>,
    pub(super) from: Option<String>,
}

/// Which way a message goes, and with whose key.
pub(super) struct Route {
    pub(super) account: Account,
    /// Whether the call brought account and key along.
    pub(super) brings_key: bool,
    pub(super) sender: Sender,
    pub(super) to: PhoneNumber,
    /// In whose name.
    pub(super) company: CompanyId,
}

fn send(call: &mut Call<'_>, request: &Request, form: OutcomeForm) -> Reply {
    let mut between = Between::default();
    let route = route(call.run, request, &mut between);
    answer(call, request, form, between, route)
}

/// A message that is ready to leave, or the outcome that says why there is none.
pub(super) fn answer(
    call: &mut Call<'_>,
    request: &Request,
    form: OutcomeForm,
    between: Between,
    route: Result<Route, Refused>,
) -> Reply {
    match route.and_then(|route| compose(call, request, form, route)) {
        Ok(send) => Reply::Send(Box::new(send)),
        Err(Refused(code, message)) => {
            let outcome = Outcome::failed(code, message).between(between.to, between.from);
            Reply::Return(form.value(&outcome))
        }
    }
}

/// The way that a request asks for.
fn route(run: &RunContext, request: &Request, between: &mut Between) -> Result<Route, Refused> {
    let company = match &request.company {
        None => run.company.clone(),
        Some(text) => {
            CompanyId::parse(text).or_else(|error| refused("INVALID_COMPANY", error.to_string()))?
        }
    };
    let parameters = run.application.whatsapp_of(&company);
    let to = PhoneNumber::recipient(request.to.as_deref().unwrap_or(""), parameters.default_country_prefix)
        .or_else(|error| refused("INVALID_PHONE_NUMBER", error.to_string()));
    let sender = sender(parameters, request.from.as_deref());
    between.to = to.as_ref().ok().map(PhoneNumber::whatsapp);
    between.from = match &sender {
        Ok(Sender::Number(number)) => Some(number.whatsapp()),
        Ok(Sender::MessagingService(_)) | Err(_) => None,
    };
    let (to, sender) = (to?, sender?);
    let account = account(run, parameters, request)?;
    Ok(Route { account, brings_key: request.secret_key.is_some(), sender, to, company })
}

fn compose(call: &mut Call<'_>, request: &Request, form: OutcomeForm, route: Route) -> Result<Send, Refused> {
    let run = call.run;
    let Route { account, brings_key, sender, to, company } = route;
    let templates = run.application.templates_of(&company, &account.sid);
    let mut warnings = Vec::new();
    let content = Content::of(request, templates, &mut warnings)?;
    if let Some(name) = content.found_as {
        call.effects.log.push((LogLevel::Debug, format!("the text is sent as the template `{name}`")));
    }
    let medium = if content.sid.is_some() { None } else { medium(run, request)? };
    // As it was written, or as it was signed.
    let media_url =
        medium.as_ref().map(|medium| request.media_url.clone().unwrap_or(medium.url().to_string()));
    let message = OutgoingMessage {
        to,
        sender,
        body: content.body,
        media_url,
        content_sid: content.sid.map(|sid| sid.to_string()),
        content_variables: content.variables,
        status_callback: None,
    };
    Ok(Send { account, brings_key, message, company, medium, form, warnings })
}

pub(super) fn sender(parameters: &Whatsapp, from: Option<&str>) -> Result<Sender, Refused> {
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
            Ok(sid) => {
                let (username, password, spares) = (sid.to_string(), key.clone(), Vec::new());
                Ok(Account { sid, username, password, spares, api_base_url })
            }
            Err(_) => refused("INVALID_ACCOUNT", no_account(account_id)),
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
