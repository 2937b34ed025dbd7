//! What becomes of a message that Twilio takes: decided when it is created.

use uuid::Uuid;

use super::accept::Request;
use super::accounts::SimulatedAccount;
use super::attachments::Attachment;
use super::content::Content;
use super::error::ApiError;
use super::script::Script;
use super::store::Message;
use super::{Shared, State};
use crate::base::MessageSid;
use crate::whatsapp::MessageStatus;

/// A message that was taken.
pub(super) struct Admitted {
    pub(super) message: Message,
    pub(super) script: Script,
    /// What is to be fetched before the script begins.
    pub(super) medium: Option<String>,
}

impl Shared {
    /// Takes a message and decides what becomes of it: what was asked for its recipient, what its number asks for,
    /// what a rule forbids, or the usual. A message that is refused is not kept.
    pub(super) fn admit(&self, account: &SimulatedAccount, request: Request) -> Result<Admitted, ApiError> {
        let now = self.clock.now();
        let admitted = {
            let mut state = self.state();
            let State { messages, conversations, scripts, .. } = &mut *state;
            let chosen = scripts.get(&request.to).cloned();
            let chosen = chosen.or_else(|| Script::of_recipient(&request.to, &self.timings)).or_else(|| {
                let between = (&request.sender, &request.to);
                let content = request.content.as_ref();
                let broken =
                    conversations.judge(self.rules, between, content.is_some_and(Content::is_approved), now);
                let is_in_window = conversations.has_window(between, now);
                let unfit = || content?.failure(is_in_window).map(|code| (MessageStatus::Failed, code));
                broken.or_else(unfit).map(|(status, code)| Script::fails(&self.timings, &status, code))
            });
            let (script, medium) = match chosen {
                Some(script) => (script, None),
                None => (Script::usual(&self.timings), request.media_urls.first().cloned()),
            };
            if let Script::Refuse { code } = script {
                return Err(ApiError::of_code(code));
            }
            let is_scheduled = request.send_at.is_some_and(|at| at > now);
            let message = Message {
                sid: new_sid(if request.media_urls.is_empty() { "SM" } else { "MM" })?,
                account: account.sid.clone(),
                direction: request.direction,
                to: request.to,
                // A messaging service chooses when it sends.
                from: request.messaging_service.is_none().then(|| request.sender.clone()),
                chosen: Some(request.sender),
                status: match (is_scheduled, &request.messaging_service) {
                    (true, _) => MessageStatus::Scheduled,
                    (false, Some(_)) => MessageStatus::Accepted,
                    (false, None) => MessageStatus::Queued,
                },
                messaging_service: request.messaging_service,
                body: request.body,
                attachments: Attachment::of_urls(&request.media_urls, now),
                media_urls: request.media_urls,
                media: None,
                content_sid: request.content.as_ref().map(|content| content.sid.clone()),
                content_variables: request.content.and_then(|content| content.variables),
                error_code: None,
                created: now,
                updated: now,
                sent: None,
                status_callback: request.status_callback,
                callbacks: Vec::new(),
                inbound: None,
            };
            messages.insert(message.clone());
            Admitted { message, script, medium }
        };
        self.announce();
        Ok(admitted)
    }
}

/// A new id. The error never happens: a UUID has 32 hexadecimal digits.
pub(super) fn new_sid(prefix: &str) -> Result<MessageSid, ApiError> {
    MessageSid::parse(&format!("{prefix}{}", Uuid::now_v7().simple())).map_err(|_| ApiError::of_code(20500))
}
