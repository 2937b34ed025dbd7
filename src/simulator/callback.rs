//! Signed requests to the application, and their retries.
//!
//! How often a callback is tried stands in the fragment of its URL, which is neither sent nor signed:
//!
//! | field | is | default | range |
//! | --- | --- | --- | --- |
//! | `rc` | retries | 1 | 0 to 5 |
//! | `rp` | what is retried, with commas: `ct` a connection that can't be made, `rt` an answer that doesn't come, `4xx`, `5xx`, `all` | `ct` | |
//! | `ct` | time for the connection, in ms | 5,000 | 100 to 10,000 |
//! | `rt` | time for the answer, in ms | 15,000 | 100 to 15,000 |
//! | `tt` | time for everything, in ms | 15,000 | 100 to 15,000 |
//!
//! Others (`sni`, `e`) have no meaning here, and what can't be read counts as not given. Twilio doesn't say how long it
//! pauses before a retry; here it is [`Timings::retry_pause`](super::Timings::retry_pause), doubling. Retries of one
//! callback carry one `I-Twilio-Idempotency-Token`.
//! Source: <https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides>.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use tokio::time::{Instant, sleep, timeout};
use url::{Host, Origin, Url};
use uuid::Uuid;

use super::clients::Clients;
use super::store::{CallbackRecord, Message};
use crate::base::Secret;
use crate::whatsapp::signature::{SIGNATURE_HEADER, sign};
use crate::whatsapp::{Form, MessageStatus, codes};

/// The longest that Twilio waits for an answer, and for all attempts together.
const MAX_WAIT: Duration = Duration::from_secs(15);

/// How long Twilio waits for a connection, where nothing else is asked for, and at most.
const CONNECT_WAIT: Duration = Duration::from_secs(5);
const MAX_CONNECT_WAIT: Duration = Duration::from_secs(10);
/// The shortest limit that can be asked for.
const MIN_WAIT: Duration = Duration::from_millis(100);

/// The client that calls back.
#[derive(Debug)]
pub(super) struct Caller {
    clients: Clients,
    retry_pause: Duration,
}

/// What came of a request: the last answer, or why there is none.
pub(super) struct Called {
    pub(super) attempts: u32,
    pub(super) answer: Result<Answer, String>,
}

/// An application's answer.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    /// 64 KiB of it at least, if there is so much.
    pub(super) body: String,
}

impl Called {
    pub(super) fn record(&self, status: MessageStatus) -> CallbackRecord {
        let answer = self.answer.as_ref().ok().map(|answer| answer.status);
        CallbackRecord { status, attempts: self.attempts, answer, error: self.answer.as_ref().err().cloned() }
    }
}

impl Caller {
    pub(super) fn new(clients: Clients, retry_pause: Duration) -> Self {
        Self { clients, retry_pause }
    }

    /// Sends a signed form, as often as the URL's fragment asks for.
    pub(super) async fn call(&self, url: &str, form: &Form, token: &Secret, allowed: &[Origin]) -> Called {
        let Ok(mut url) = Url::parse(url) else {
            return Called { attempts: 0, answer: Err("not a URL".to_owned()) };
        };
        let policy = Policy::of(url.fragment().unwrap_or_default());
        url.set_fragment(None);
        if !is_allowed(&url, allowed) {
            let message = "the simulator calls loopback addresses and the configured public URL only";
            return Called { attempts: 0, answer: Err(message.to_owned()) };
        }
        let signature = sign(url.as_str(), form, token);
        let idempotency = Uuid::now_v7().to_string();
        let http = match self.clients.calling(policy.connect) {
            Ok(http) => http,
            Err(why) => return Called { attempts: 0, answer: Err(why) },
        };
        let deadline = Instant::now() + policy.total;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let request = http
                .post(url.clone())
                .header(SIGNATURE_HEADER, &signature)
                .header("I-Twilio-Idempotency-Token", &idempotency)
                .header("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
                .body(form.encode());
            let limit = policy.read.min(deadline.saturating_duration_since(Instant::now()));
            let (failure, answer) = match timeout(limit, answer_of(request)).await {
                Ok(Ok(answer)) => (Failure::of_status(answer.status), Ok(answer)),
                Ok(Err(error)) if error.is_connect() => (Some(Failure::Connection), Err(cause(&error))),
                Ok(Err(error)) => (Some(Failure::Reading), Err(cause(&error))),
                Err(_) => (Some(Failure::Reading), Err("no answer in time".to_owned())),
            };
            let pause = self.retry_pause * 2_u32.pow(attempts - 1);
            let is_retried =
                failure.is_some_and(|failure| policy.retries_on(failure)) && attempts <= policy.retries;
            if !is_retried || Instant::now() + pause >= deadline {
                return Called { attempts, answer };
            }
            sleep(pause).await;
        }
    }
}

async fn answer_of(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let mut response = request.send().await?;
    let mut body = Vec::new();
    while body.len() < 64 * 1024
        && let Some(chunk) = response.chunk().await?
    {
        body.extend_from_slice(&chunk);
    }
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Ok(Answer {
        status: response.status().as_u16(),
        content_type: content_type.map(str::to_owned),
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// The innermost reason.
pub(super) fn cause(error: &reqwest::Error) -> String {
    let mut innermost: &dyn Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Loopback addresses, and the origins that were named: nothing else is ever called.
fn is_allowed(url: &Url, allowed: &[Origin]) -> bool {
    is_loopback(url) || allowed.contains(&url.origin())
}

/// Whether a URL leads to this computer, by what is written in it.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    Connection,
    Reading,
    Status4xx,
    Status5xx,
}

impl Failure {
    fn of_status(code: u16) -> Option<Self> {
        match code {
            400..500 => Some(Self::Status4xx),
            500..600 => Some(Self::Status5xx),
            _ => None,
        }
    }
}

/// What the fragment of a callback URL asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Policy {
    retries: u32,
    on: Vec<Failure>,
    connect: Duration,
    read: Duration,
    total: Duration,
}

impl Policy {
    fn of(fragment: &str) -> Self {
        let fields: Form = form_urlencoded::parse(fragment.as_bytes()).collect();
        let wait = |name, usual, max| {
            let asked = fields.get(name).and_then(|text| text.parse().ok()).map(Duration::from_millis);
            asked.map_or(usual, |asked| asked.clamp(MIN_WAIT, max))
        };
        let on = fields.get("rp").unwrap_or("ct").split(',').flat_map(|word| match word.trim() {
            "ct" => vec![Failure::Connection],
            "rt" => vec![Failure::Reading],
            "4xx" => vec![Failure::Status4xx],
            "5xx" => vec![Failure::Status5xx],
            "all" => vec![Failure::Connection, Failure::Reading, Failure::Status4xx, Failure::Status5xx],
            _ => Vec::new(),
        });
        Self {
            retries: fields.get("rc").and_then(|text| text.parse().ok()).unwrap_or(1).min(5),
            on: on.collect(),
            connect: wait("ct", CONNECT_WAIT, MAX_CONNECT_WAIT),
            read: wait("rt", MAX_WAIT, MAX_WAIT),
            total: wait("tt", MAX_WAIT, MAX_WAIT),
        }
    }

    fn retries_on(&self, failure: Failure) -> bool {
        self.on.contains(&failure)
    }
}

/// The form of a status callback: Twilio's fields, those of WhatsApp included.
pub(super) fn status_form(message: &Message, status: &MessageStatus, error_code: Option<i64>) -> Form {
    let mut form = Form::default();
    let event = match status {
        MessageStatus::Delivered => Some("DELIVERED"),
        MessageStatus::Read => Some("READ"),
        MessageStatus::Undelivered => Some("UNDELIVERED"),
        _ => None,
    };
    if let Some(event) = event {
        form.push("EventType", event);
    }
    form.push("SmsSid", message.sid.as_str());
    form.push("SmsStatus", status.as_str());
    form.push("MessageStatus", status.as_str());
    form.push("ChannelToAddress", message.to.masked());
    form.push("To", message.to.as_str());
    form.push("ChannelPrefix", "whatsapp");
    form.push("MessageSid", message.sid.as_str());
    form.push("AccountSid", message.account.as_str());
    if *status == MessageStatus::Sent {
        form.push("StructuredMessage", if message.content_sid.is_some() { "true" } else { "false" });
    }
    if let Some(from) = &message.from {
        form.push("From", from.as_str());
    }
    if let Some(service) = &message.messaging_service {
        form.push("MessagingServiceSid", service);
    }
    form.push("ApiVersion", "2010-04-01");
    // The installed channel; any stable id will do.
    form.push("ChannelInstallSid", format!("XE{}", message.account.as_str().get(2..).unwrap_or_default()));
    if let Some(code) = error_code {
        let meaning = codes::explain(code).map_or("An error that was asked for", |known| known.meaning);
        form.push("ErrorCode", code.to_string());
        form.push("ErrorMessage", meaning);
        form.push("ChannelStatusMessage", meaning);
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fragment_asks_for_retries() {
        let usual = Policy {
            retries: 1,
            on: vec![Failure::Connection],
            connect: CONNECT_WAIT,
            read: MAX_WAIT,
            total: MAX_WAIT,
        };
        assert_eq!(Policy::of(""), usual);
        assert_eq!(Policy::of("nonsense&rc=x"), usual);
        let asked = Policy::of("rc=9&rp=ct,rt,5xx&ct=60000&rt=2000&tt=99999");
        assert_eq!(asked.retries, 5, "at most five");
        assert_eq!(asked.on, [Failure::Connection, Failure::Reading, Failure::Status5xx]);
        assert_eq!(
            (asked.connect, asked.read, asked.total),
            (MAX_CONNECT_WAIT, Duration::from_secs(2), MAX_WAIT)
        );
        assert_eq!(Policy::of("ct=1").connect, MIN_WAIT);
        assert_eq!(Policy::of("rc=0&rp=all").retries, 0);
        assert_eq!(Policy::of("rp=all").on.len(), 4);
    }

    #[test]
    fn only_loopback_and_what_was_allowed_is_called() {
        let public = [Url::parse("https://boat.example:8443/base").unwrap().origin()];
        let allowed = |url: &str| is_allowed(&Url::parse(url).unwrap(), &public);
        for good in [
            "http://127.0.0.1:1/a",
            "http://127.9.9.9/",
            "http://[::1]/",
            "http://localhost:8080/",
            "https://boat.example:8443/x",
        ] {
            assert!(allowed(good), "{good}");
        }
        for bad in [
            "https://example.com/",
            "http://10.0.0.1/",
            "http://169.254.169.254/",
            "https://boat.example/",
            "http://boat.example:8443/",
            "http://localhost.evil.example/",
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.1@evil.example/",
        ] {
            assert!(!allowed(bad), "{bad}");
        }
    }
}
