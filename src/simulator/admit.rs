//! What becomes of a message that Twilio takes: decided when it is created.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use uuid::Uuid;

use super::Shared;
use super::accept::Request;
use super::accounts::SimulatedAccount;
use super::attachments::Attachment;
use super::error::ApiError;
use super::play::{Event, Fate, Plan};
use super::script::{Answer, Script};
use super::store::Message;
use crate::base::MessageSid;
use crate::whatsapp::MessageStatus;

/// A message that was taken, or is answered as if it had been.
pub(super) struct Admitted {
    pub(super) message: Message,
    /// Whether it is there.
    pub(super) is_taken: bool,
    pub(super) answer: Answer,
    /// What the answer waits for.
    pub(super) wait: Option<oneshot::Receiver<()>>,
}

impl Shared {
    /// Takes a message, and starts what becomes of it: what was asked for its recipient, what its number asks for, or
    /// what the rules and its medium leave of the usual. A message that is refused is not kept.
    pub(super) fn admit(
        self: &Arc<Self>,
        account: &SimulatedAccount,
        request: Request,
    ) -> Result<Admitted, ApiError> {
        let admitted = {
            let mut state = self.state();
            let now = self.clock.now();
            let chosen = state.scripts.for_send(&request.to, &self.timings);
            if chosen.is_some() {
                self.announce(); // one less waits, whether or not the message is taken
            }
            if chosen.is_none() && state.conversations.refuses(state.rules, &request.sender, &request.to) {
                return Err(ApiError::of_code(21610));
            }
            let (steps, answer, answer_after, is_taken) = match chosen {
                Some(Script::Refuse { code, retry_after }) => {
                    return Err(ApiError { retry_after, ..ApiError::of_code(code) });
                }
                Some(Script::Break { answer }) => (None, answer, Duration::ZERO, false),
                Some(Script::Play { steps, answer, answer_after_ms }) => {
                    (Some(steps), answer, Duration::from_millis(answer_after_ms), true)
                }
                Some(Script::Reads(_)) | None => (None, Answer::Created, Duration::ZERO, true),
            };
            let send_at = request.send_at.filter(|at| *at > now);
            let message = Message {
                sid: new_sid(if request.media_urls.is_empty() { "SM" } else { "MM" })?,
                account: account.sid.clone(),
                direction: request.direction,
                to: request.to,
                // A messaging service chooses when it sends.
                from: request.messaging_service.is_none().then(|| request.sender.clone()),
                chosen: Some(request.sender),
                status: match (send_at, &request.messaging_service) {
                    (Some(_), _) => MessageStatus::Scheduled,
                    (None, Some(_)) => MessageStatus::Accepted,
                    (None, None) => MessageStatus::Queued,
                },
                messaging_service: request.messaging_service,
                body: request.body,
                attachments: Attachment::of_urls(&request.media_urls, now),
                media_urls: request.media_urls,
                media: None,
                content_sid: request.content.as_ref().map(|content| content.sid.clone()),
                content_variables: request.content.as_ref().and_then(|content| content.variables.clone()),
                error_code: None,
                created: now,
                updated: now,
                sent: None,
                status_callback: request.status_callback,
                callbacks: Vec::new(),
                inbound: None,
            };
            if !is_taken {
                return Ok(Admitted { message, is_taken, answer, wait: None });
            }
            state.messages.insert(message.clone());
            let created = self.clock.elapsed();
            let fate = steps.map_or(Fate::Usual(request.content), Fate::Asked);
            let (sid, plan) = (message.sid.clone(), Plan { fate, validity: request.validity });
            match send_at {
                None => self.begin(&mut state, sid, plan, created),
                Some(at) => self.put(&mut state, created + at.since(now), Event::Begin(sid, plan)),
            }
            let wait = (!answer_after.is_zero()).then(|| {
                let (tell, told) = oneshot::channel();
                self.put(&mut state, created + answer_after, Event::Answer(message.sid.clone(), tell));
                told
            });
            if wait.is_some() && !self.clock.passes() {
                self.happen(&mut state, created + answer_after); // who waits for the answer cannot move the time
            }
            Admitted { message, is_taken, answer, wait }
        };
        self.announce();
        Ok(admitted)
    }
}

/// A new id. The error never happens: a UUID has 32 hexadecimal digits.
pub(super) fn new_sid(prefix: &str) -> Result<MessageSid, ApiError> {
    MessageSid::parse(&format!("{prefix}{}", Uuid::now_v7().simple())).map_err(|_| ApiError::of_code(20500))
}
