//! The accounts that a simulator pretends to hold: keys, senders, messaging services, templates.

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::accept::is_web_url;
use super::address::Address;
use crate::base::{AccountSid, ContentSid, Secret, TemplateText};

/// An account that the simulator pretends to hold.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulatedAccount {
    /// `AC…`.
    pub sid: AccountSid,
    /// Its auth tokens; the first, the primary one, signs.
    #[serde(deserialize_with = "secrets")]
    pub auth_tokens: Vec<Secret>,
    /// Its API keys.
    #[serde(default)]
    pub api_keys: Vec<ApiKey>,
    /// Its WhatsApp senders.
    #[serde(default)]
    pub senders: Vec<SimulatedSender>,
    /// Its messaging services. While it has none, and the rules are open, any `MG…` stands for all of its senders.
    #[serde(default)]
    pub messaging_services: Vec<MessagingService>,
    /// Its templates. While the rules are open, any other `HX…` is taken too, with a text that nobody knows.
    #[serde(default)]
    pub templates: Vec<SimulatedTemplate>,
}

/// An API key of an account.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// `SK…`.
    pub sid: String,
    /// Its secret.
    #[serde(deserialize_with = "secret")]
    pub secret: Secret,
}

/// A WhatsApp sender of an account. As JSON its number, or `{"number":"+1…","incoming_url":"http://…"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenSender")]
pub struct SimulatedSender {
    /// Its number.
    pub number: Address,
    /// Where Twilio posts what somebody writes to it.
    pub incoming_url: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number such as +14155238886, or {\"number\",\"incoming_url\"}")]
enum WrittenSender {
    Number(Address),
    Full(FullSender),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FullSender {
    number: Address,
    #[serde(default)]
    incoming_url: Option<String>,
}

impl TryFrom<WrittenSender> for SimulatedSender {
    type Error = String;
    fn try_from(written: WrittenSender) -> Result<Self, String> {
        match written {
            WrittenSender::Number(number) => Ok(number.into()),
            WrittenSender::Full(FullSender { incoming_url: Some(url), .. }) if !is_web_url(&url) => {
                Err(format!("incoming_url is not an http or https URL: {url}"))
            }
            WrittenSender::Full(FullSender { number, incoming_url }) => Ok(Self { number, incoming_url }),
        }
    }
}

/// A messaging service of an account: it chooses a sender for each recipient and stays with it (the sticky sender).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessagingService {
    /// `MG…`.
    pub sid: String,
    /// Its senders. None at all: those of the account.
    #[serde(default)]
    pub senders: Vec<Address>,
}

/// A template of an account. As JSON `{"sid":"HX…","text":"Ciao {{1}}","approved":true}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenTemplate", into = "WrittenTemplate")]
pub struct SimulatedTemplate {
    /// `HX…`.
    pub sid: ContentSid,
    /// Its text, with placeholders.
    pub text: TemplateText,
    /// Whether WhatsApp has approved it. One that it has not is sent within the 24-hour window only.
    pub approved: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTemplate {
    sid: String,
    text: String,
    #[serde(default = "yes")]
    approved: bool,
}

fn yes() -> bool {
    true
}

impl TryFrom<WrittenTemplate> for SimulatedTemplate {
    type Error = String;
    fn try_from(written: WrittenTemplate) -> Result<Self, String> {
        Ok(Self {
            sid: ContentSid::parse(&written.sid).map_err(|error| error.to_string())?,
            text: TemplateText::parse(&written.text).map_err(|error| format!("the text {error}"))?,
            approved: written.approved,
        })
    }
}

impl From<SimulatedTemplate> for WrittenTemplate {
    fn from(template: SimulatedTemplate) -> Self {
        Self { sid: template.sid.to_string(), text: template.text.to_string(), approved: template.approved }
    }
}

impl SimulatedAccount {
    /// An account with one auth token.
    #[must_use]
    pub fn new(sid: AccountSid, auth_token: Secret, senders: impl IntoIterator<Item = Address>) -> Self {
        Self {
            sid,
            auth_tokens: vec![auth_token],
            api_keys: Vec::new(),
            senders: senders.into_iter().map(Into::into).collect(),
            messaging_services: Vec::new(),
            templates: Vec::new(),
        }
    }

    /// One of its senders.
    pub(super) fn sender(&self, number: &Address) -> Option<&SimulatedSender> {
        self.senders.iter().find(|sender| sender.number == *number)
    }

    /// One of its templates.
    pub(super) fn template(&self, sid: &str) -> Option<&SimulatedTemplate> {
        self.templates.iter().find(|template| template.sid.as_str() == sid)
    }

    /// Whether a user name and password sign in to this account.
    pub(super) fn admits(&self, username: &str, password: &str) -> bool {
        let by_token =
            username == self.sid.as_str() && self.auth_tokens.iter().any(|token| token.expose() == password);
        by_token || self.api_keys.iter().any(|key| key.sid == username && key.secret.expose() == password)
    }

    /// Takes over what another description of the same account knows besides, or knows better.
    pub(super) fn merge(&mut self, other: Self) {
        put(&mut self.auth_tokens, other.auth_tokens, |one, other| one == other);
        put(&mut self.api_keys, other.api_keys, |one, other| one.sid == other.sid);
        for sender in other.senders {
            match self.senders.iter_mut().find(|known| known.number == sender.number) {
                Some(known) => known.incoming_url = sender.incoming_url.or_else(|| known.incoming_url.take()),
                None => self.senders.push(sender),
            }
        }
        put(&mut self.messaging_services, other.messaging_services, |one, other| one.sid == other.sid);
        put(&mut self.templates, other.templates, |one, other| one.sid == other.sid);
    }

    /// Takes away what another description of the same account says.
    pub(super) fn withdraw(&mut self, other: &Self) {
        self.auth_tokens.retain(|token| !other.auth_tokens.contains(token));
        self.api_keys.retain(|key| !other.api_keys.contains(key));
        self.senders.retain(|sender| other.sender(&sender.number).is_none());
        self.messaging_services.retain(|service| !other.messaging_services.contains(service));
        self.templates.retain(|template| !other.templates.contains(template));
    }

    /// What is registered, without tokens and secrets.
    pub(super) fn shown(&self) -> Value {
        json!({
            "sid": self.sid,
            "senders": self.senders,
            "messaging_services": self.messaging_services,
            "templates": self.templates,
        })
    }
}

/// Adds what is new, and puts it in the place of what it is the same as.
fn put<T>(known: &mut Vec<T>, more: Vec<T>, is_same: impl Fn(&T, &T) -> bool) {
    for one in more {
        match known.iter_mut().find(|known| is_same(known, &one)) {
            Some(known) => *known = one,
            None => known.push(one),
        }
    }
}

impl From<Address> for SimulatedSender {
    fn from(number: Address) -> Self {
        Self { number, incoming_url: None }
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

fn secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Secret>, D::Error> {
    let tokens = Vec::<String>::deserialize(deserializer)?;
    if tokens.is_empty() {
        return Err(D::Error::custom("an account has at least one auth token"));
    }
    Ok(tokens.into_iter().map(Secret::new).collect())
}
