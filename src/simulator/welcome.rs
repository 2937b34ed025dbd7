//! What Twilio itself answers to a phone: that it has joined the sandbox.

use std::sync::Arc;

use super::admit::new_sid;
use super::play::Plan;
use super::rules::Rules;
use super::script::Step;
use super::store::{Direction, Message};
use super::{Shared, State};
use crate::whatsapp::MessageStatus;

impl Shared {
    /// Takes notice of a message that came in: it opens the window, may join or leave the sandbox, or stop messages.
    pub(super) fn hear(self: &Arc<Self>, state: &mut State, incoming: &Message) {
        let now = self.clock.now();
        let Some(phone) = &incoming.from else { return };
        let joins = state.conversations.incoming(phone, &incoming.to, &incoming.body, now);
        if !joins || state.rules != Rules::Sandbox {
            return;
        }
        let Ok(sid) = new_sid("SM") else { return };
        let welcome = Message {
            sid: sid.clone(),
            direction: Direction::OutboundReply,
            to: phone.clone(),
            from: Some(incoming.to.clone()),
            body: format!(
                "Twilio Sandbox: ✅ You are all set! The sandbox can now send/receive messages from {}. Reply stop to \
                 leave the sandbox any time.",
                incoming.to
            ),
            media_urls: Vec::new(),
            attachments: Vec::new(),
            inbound: None,
            status: MessageStatus::Queued,
            sent: None,
            status_callback: None,
            callbacks: Vec::new(),
            created: now,
            updated: now,
            ..incoming.clone()
        };
        state.messages.insert(welcome);
        self.begin(state, sid, Plan::of(Step::usual(&self.timings)), self.clock.elapsed());
    }
}
