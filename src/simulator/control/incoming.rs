//! `POST /simulator/incoming`: somebody writes to a sender.

use std::sync::Arc;

use axum::Json;
use axum::extract::State as Shares;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use url::Url;

use super::body::Body;
use crate::base::{AccountSid, MessageSid, Secret};
use crate::simulator::accounts::SimulatedAccount;
use crate::simulator::address::Address;
use crate::simulator::admit::{Admitted, new_sid};
use crate::simulator::attachments::{Attachment, MAX_MEDIUM};
use crate::simulator::error::ApiError;
use crate::simulator::inbound::{self, Button, Inbound, Location};
use crate::simulator::rest;
use crate::simulator::store::{Direction, Message};
use crate::simulator::twiml::{self, AnswerError, Reply, Verb};
use crate::simulator::{Shared, State};
use crate::whatsapp::{Form, MessageStatus};

/// The longest request, in bytes: the largest medium as base64, and then some.
pub(super) const MAX_BODY: usize = MAX_MEDIUM / 3 * 4 + 64 * 1024;
/// The longest text, in characters: WhatsApp's.
const MAX_TEXT: usize = 4096;
/// The most media of one message; as Twilio's for those that go out.
const MAX_MEDIA: usize = 10;
/// The most that one request is repeated.
const MAX_COPIES: u32 = 100;
/// The most `<Redirect>`s that are followed for one message.
const MAX_REDIRECTS: u32 = 10;
/// What somebody is called who has no name.
const NOBODY: &str = "Simulator";

/// Somebody writes to a sender.
#[derive(Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an object such as {\"from\":\"+39…\",\"to\":\"+1…\",\"body\":\"Ciao\"}"
)]
pub(super) struct Incoming {
    /// Whose the sender is; may be absent where one account has it.
    account_sid: Option<AccountSid>,
    from: Address,
    to: Address,
    #[serde(default)]
    body: String,
    #[serde(default)]
    media: Vec<GivenMedium>,
    profile_name: Option<String>,
    location: Option<Location>,
    button: Option<Button>,
    /// The message that is replied to.
    reply_to: Option<MessageSid>,
    /// Where the request goes, instead of where the sender's go.
    url: Option<String>,
    /// How many times the request is sent.
    #[serde(default = "once")]
    copies: u32,
    /// The id of the message; one that is there is sent again.
    sid: Option<MessageSid>,
}

fn once() -> u32 {
    1
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, untagged, expecting = "{\"content_type\",\"base64\"} or {\"url\"}")]
enum GivenMedium {
    Here { content_type: String, base64: String },
    There { url: String },
}

/// Answers with the message's id, what the application answered to each request, and the ids of the replies that it asked
/// for.
pub(super) async fn write(
    Shares(shared): Shares<Arc<Shared>>,
    Body(incoming): Body<Incoming>,
) -> Result<Response, ApiError> {
    let told = receive(&shared, incoming).await?;
    Ok((StatusCode::CREATED, Json(told)).into_response())
}

/// Takes a message and has it delivered.
pub(super) async fn receive(shared: &Arc<Shared>, mut incoming: Incoming) -> Result<Value, ApiError> {
    let account = account(&shared.state(), incoming.account_sid.as_ref(), &incoming.to)?;
    let copies = Some(incoming.copies).filter(|copies| (1..=MAX_COPIES).contains(copies));
    let copies = copies.ok_or_else(|| ApiError::new(20001, format!("copies must be 1 to {MAX_COPIES}")))?;
    let url = incoming.url.take();
    let url = url.or_else(|| account.sender(&incoming.to).and_then(|sender| sender.incoming_url.clone()));
    let known = incoming.sid.as_ref().map(|sid| known(&shared.state(), &account, sid)).transpose()?;
    let message = match known.flatten() {
        Some(known) => known,
        None => shared.receive(&account, incoming).await?,
    };
    let sid = message.sid.clone();
    let (tell, told) = oneshot::channel();
    // It goes on although the caller does not wait for it.
    shared.spawn({
        let shared = Arc::clone(shared);
        async move {
            let _ = tell.send(deliver_all(&shared, &account, &message, url.as_deref(), copies).await);
        }
    });
    let stopped = |_| ApiError::new(20500, "the simulator was stopped before the application had answered");
    let Delivery { answers, replies, errors } = told.await.map_err(stopped)??;
    let answer = answers.last().cloned().unwrap_or_default();
    Ok(json!({ "sid": sid, "answer": answer, "answers": answers, "replies": replies, "errors": errors }))
}

/// The account that a message is for.
fn account(state: &State, sid: Option<&AccountSid>, to: &Address) -> Result<SimulatedAccount, ApiError> {
    if let Some(sid) = sid {
        let known = state.accounts.get(sid).ok_or_else(|| ApiError::new(20003, "Authenticate"))?;
        return match known.sender(to) {
            Some(_) => Ok(known.clone()),
            None => Err(ApiError::new(20001, format!("{to} is not a sender of {sid}: register it first"))),
        };
    }
    let mut with_sender = state.accounts.values().filter(|account| account.sender(to).is_some());
    match (with_sender.next(), with_sender.next()) {
        (Some(account), None) => Ok(account.clone()),
        (Some(_), Some(_)) => {
            Err(ApiError::new(20001, format!("several accounts have {to}: give account_sid too")))
        }
        (None, _) => Err(ApiError::new(20001, format!("no account has the sender {to}: register it first"))),
    }
}

/// The message with an id, if there is one: it must have come in for the account.
fn known(state: &State, account: &SimulatedAccount, sid: &MessageSid) -> Result<Option<Message>, ApiError> {
    match state.messages.get(sid) {
        Some(known) if known.direction == Direction::Inbound && known.account == account.sid => {
            Ok(Some(known.clone()))
        }
        Some(_) => {
            Err(ApiError::new(20001, format!("{sid} is not a message that came in for {}", account.sid)))
        }
        None => Ok(None),
    }
}

impl Shared {
    /// Takes a message that comes in: it is there from now on, and opens the 24-hour window.
    async fn receive(
        self: &Arc<Self>,
        account: &SimulatedAccount,
        incoming: Incoming,
    ) -> Result<Message, ApiError> {
        let now = self.clock.now();
        if incoming.body.chars().count() > MAX_TEXT {
            return Err(ApiError::new(20001, format!("body has at most {MAX_TEXT} characters")));
        }
        if incoming.media.len() > MAX_MEDIA {
            return Err(ApiError::new(21623, "Number of media files exceeds allowed limit."));
        }
        let mut attachments = Vec::new();
        for medium in incoming.media {
            let (content_type, bytes) = self.medium(medium).await?;
            attachments.push(Attachment::kept(content_type, bytes, now)?);
        }
        let sid = match incoming.sid {
            Some(sid) => sid,
            None => new_sid(if attachments.is_empty() { "SM" } else { "MM" })?,
        };
        let body = match &incoming.button {
            Some(button) if incoming.body.is_empty() => button.text.clone(),
            _ => incoming.body,
        };
        let mut message = Message {
            sid,
            account: account.sid.clone(),
            direction: Direction::Inbound,
            to: incoming.to,
            from: Some(incoming.from.clone()),
            chosen: None,
            messaging_service: None,
            body,
            media_urls: Vec::new(),
            attachments,
            media: None,
            content_sid: None,
            content_variables: None,
            status: MessageStatus::Received,
            error_code: None,
            created: now,
            updated: now,
            sent: Some(now),
            status_callback: None,
            callbacks: Vec::new(),
            inbound: None,
        };
        let urls =
            message.attachments.iter().map(|medium| format!("{}{}", self.base_url, medium.path(&message)));
        message.media_urls = urls.collect();
        {
            let mut state = self.state();
            // The same may have come in while the media were fetched.
            if let Some(known) = known(&state, account, &message.sid)? {
                return Ok(known);
            }
            let sender_of =
                |sid: &MessageSid| state.messages.get(sid).and_then(|replied| replied.from.clone());
            let reply_to = incoming.reply_to.map(|sid| {
                let sender = sender_of(&sid).unwrap_or_else(|| message.to.clone());
                (sid, sender)
            });
            message.inbound = Some(Box::new(Inbound {
                profile_name: incoming.profile_name.unwrap_or_else(|| NOBODY.to_owned()),
                location: incoming.location,
                button: incoming.button,
                reply_to,
                answer_errors: Vec::new(),
            }));
            state.messages.insert(message.clone());
            state.messages.make_room();
            self.hear(&mut state, &message);
        }
        self.announce();
        Ok(message)
    }

    async fn medium(&self, given: GivenMedium) -> Result<(String, Bytes), ApiError> {
        let (content_type, bytes) = match given {
            GivenMedium::Here { content_type, base64 } => {
                let bytes = STANDARD.decode(base64.trim());
                let bytes = bytes.map_err(|_| ApiError::new(20001, "a medium's base64 is not base64"))?;
                (content_type, Bytes::from(bytes))
            }
            GivenMedium::There { url } => {
                let taken = self.fetcher.take(&url, |url| self.may_fetch(url), MAX_MEDIUM).await;
                taken.map_err(|why| ApiError::new(20001, format!("the medium can't be had: {why}")))?
            }
        };
        if bytes.len() > MAX_MEDIUM {
            return Err(ApiError::new(20001, format!("a medium has at most {MAX_MEDIUM} bytes")));
        }
        let is_header =
            axum::http::HeaderValue::from_str(&content_type).is_ok() && content_type.contains('/');
        if !is_header {
            return Err(ApiError::new(20001, "a medium's content_type looks like image/jpeg"));
        }
        Ok((content_type, bytes))
    }
}

/// What came of the requests for one message.
#[derive(Default)]
struct Delivery {
    answers: Vec<Value>,
    replies: Vec<MessageSid>,
    /// What was wrong with the answers.
    errors: Vec<AnswerError>,
}

/// Posts a message to the application so many times, one after another, if there is somewhere to post it.
async fn deliver_all(
    shared: &Arc<Shared>,
    account: &SimulatedAccount,
    message: &Message,
    url: Option<&str>,
    copies: u32,
) -> Result<Delivery, ApiError> {
    let mut delivery = Delivery::default();
    if let Some(url) = url {
        for _ in 0..copies {
            deliver(shared, account, message, url, &mut delivery).await?;
        }
    }
    Ok(delivery)
}

/// Posts a message to the application, and does what the application answers.
async fn deliver(
    shared: &Arc<Shared>,
    account: &SimulatedAccount,
    message: &Message,
    url: &str,
    delivery: &mut Delivery,
) -> Result<(), ApiError> {
    let token: &Secret = account.auth_tokens.first().ok_or_else(|| ApiError::new(20003, "Authenticate"))?;
    let form = inbound::form(message, &shared.base_url);
    let mut next = Some(url.to_owned());
    let mut redirects = 0;
    while let Some(url) = next.take() {
        let allowed = shared.state().callback_origins.clone();
        let called = shared.caller.call(&url, &form, token, &allowed).await;
        let record = called.record(MessageStatus::Received);
        shared.change(&message.sid, |message| message.callbacks.push(record));
        let (told, verbs, mut errors) = match (called.answer, Url::parse(&url)) {
            (Ok(answer), Ok(url)) => {
                let (verbs, errors) = twiml::read(&answer, &url);
                (json!({ "status": answer.status, "body": answer.body }), verbs, errors)
            }
            (Ok(_), Err(_)) => (Value::Null, Vec::new(), Vec::new()), // it was called, so it is a URL
            (Err(why), _) => {
                (json!({ "error": why, "url": url }), Vec::new(), vec![AnswerError::new(11200, why)])
            }
        };
        delivery.answers.push(told);
        for verb in verbs {
            match verb {
                Verb::Message(reply) => match send(shared, account, message, reply) {
                    Ok(sent) if sent.is_taken => delivery.replies.push(sent.message.sid),
                    Ok(_) => {
                        errors.push(AnswerError::new(20500, "a script keeps the reply from being taken"));
                    }
                    Err(error) => errors.push(AnswerError::new(error.code, error.message)),
                },
                Verb::Redirect(_) if redirects == MAX_REDIRECTS => {
                    errors.push(AnswerError::new(11200, format!("more than {MAX_REDIRECTS} redirects")));
                }
                Verb::Redirect(url) => {
                    redirects += 1;
                    next = Some(url);
                }
            }
        }
        delivery.errors.extend(errors.iter().cloned());
        note(shared, message, errors);
    }
    Ok(())
}

/// Sends a reply that the application's answer asks for, under the same rules as any other message.
fn send(
    shared: &Arc<Shared>,
    account: &SimulatedAccount,
    message: &Message,
    reply: Reply,
) -> Result<Admitted, ApiError> {
    if reply.body.is_empty() && reply.media_urls.is_empty() {
        return Err(ApiError::new(14103, "a <Message> has no text and no <Media>"));
    }
    let writer = message.from.as_ref().map(ToString::to_string);
    let mut form: Form = [
        ("To", reply.to.or(writer).unwrap_or_default()),
        ("From", reply.from.unwrap_or_else(|| message.to.to_string())),
        ("Body", reply.body),
    ]
    .into_iter()
    .collect();
    for url in reply.media_urls {
        form.push("MediaUrl", url);
    }
    if let Some(url) = reply.status_callback {
        form.push("StatusCallback", url);
    }
    rest::send(shared, account, &form, Direction::OutboundReply)
}

/// Notes what was wrong with an answer; the first such code is the message's own, as at Twilio.
fn note(shared: &Shared, message: &Message, errors: Vec<AnswerError>) {
    if errors.is_empty() {
        return;
    }
    for AnswerError { code, .. } in &errors {
        // Why stands in `answer_errors`; it may hold a phone number.
        tracing::warn!(sid = %message.sid, code, "the answer to an incoming message is not what Twilio takes");
    }
    shared.change(&message.sid, |message| {
        message.error_code = message.error_code.or_else(|| errors.first().map(|error| error.code));
        if let Some(inbound) = &mut message.inbound {
            inbound.answer_errors.extend(errors);
        }
    });
}
