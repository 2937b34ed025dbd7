//! Runs a message's script on time.
//!
//! Two things go on for a message: its statuses change on time, and its callbacks leave one after another, each when
//! the one before was answered or given up. A slow application delays its callbacks, not the message.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::callback::status_form;
use super::media::MediaRecord;
use super::script::Step;
use super::store::Message;
use super::{Shared, State};
use crate::base::{MessageSid, Secret};
use crate::whatsapp::{Form, MessageStatus};

/// What is to happen to a message.
pub(super) struct Plan {
    /// What is fetched first; if that fails, so does the message.
    pub(super) medium: Option<String>,
    /// One after another.
    pub(super) steps: Vec<Step>,
}

/// Starts what happens to a message, `wait` from now.
pub(super) fn start(shared: &Arc<Shared>, sid: MessageSid, wait: Duration, plan: Plan) {
    let task = play(Arc::clone(shared), sid, Instant::now() + wait, plan);
    let mut plays = shared.plays();
    while plays.try_join_next().is_some() {} // those that have ended
    plays.spawn(task);
}

/// A callback that is due.
#[derive(Clone)]
struct Due {
    status: MessageStatus,
    url: String,
    form: Form,
    token: Secret,
}

async fn play(shared: Arc<Shared>, sid: MessageSid, start: Instant, plan: Plan) {
    let (queue, mut due) = mpsc::unbounded_channel();
    let timeline = async {
        let queue = queue; // dropped at the end, which ends the callbacks
        sleep_until(start).await;
        for step in shared.steps(&sid, plan).await {
            sleep_until(start + Duration::from_millis(step.after_ms)).await;
            let Some(callback) = shared.advance(&sid, &step) else { return };
            for _ in 0..step.callbacks {
                if let Some(due) = callback.clone() {
                    let _ = queue.send(due); // its receiver is just below
                }
            }
        }
    };
    let callbacks = async {
        while let Some(Due { status, url, form, token }) = due.recv().await {
            let allowed = shared.state().callback_origins.clone();
            let called = shared.caller.call(&url, &form, &token, &allowed).await;
            if let Err(why) = &called.answer {
                tracing::warn!(%sid, %status, attempts = called.attempts, why, "a callback could not be delivered");
            }
            shared.change(&sid, |message| message.callbacks.push(called.record(status)));
        }
    };
    tokio::join!(timeline, callbacks);
}

impl Shared {
    /// What happens to a message once its medium was fetched, or could not be.
    async fn steps(&self, sid: &MessageSid, plan: Plan) -> Vec<Step> {
        let is_still_wanted = |message: &Message| message.status != MessageStatus::Canceled;
        let medium = plan.medium.filter(|_| self.state().messages.get(sid).is_some_and(is_still_wanted));
        let Some(url) = medium else { return plan.steps };
        let record = self.fetcher.fetch(&url, |url| self.may_fetch(url)).await;
        let steps = match &record {
            MediaRecord::Failed { error_code, why } => {
                tracing::warn!(%sid, error_code, why, "a message's medium could not be fetched or sent");
                Step::failure(&self.timings, &MessageStatus::Failed, *error_code)
            }
            MediaRecord::Unread | MediaRecord::Fetched { .. } => plan.steps,
        };
        self.change(sid, |message| message.media = Some(record));
        steps
    }

    /// Lets a step happen. `None`: the message is gone or was called off; `Some(None)`: it has no callback.
    #[expect(clippy::option_option, reason = "the two are told apart right above")]
    fn advance(&self, sid: &MessageSid, step: &Step) -> Option<Option<Due>> {
        let now = self.clock.now();
        let due = {
            let mut state = self.state();
            let State { accounts, messages, .. } = &mut *state;
            let message = messages.get_mut(sid)?;
            if message.status == MessageStatus::Canceled && step.status != MessageStatus::Canceled {
                return None;
            }
            let account = accounts.get(&message.account)?;
            if message.from.is_none() {
                message.from = message.chosen.clone();
            }
            if message.status.may_become(&step.status) {
                message.status = step.status.clone();
                message.error_code = step.error_code;
                message.updated = now;
                if step.status.rank() >= MessageStatus::Sent.rank() && step.status != MessageStatus::Failed {
                    message.sent = message.sent.or(Some(now));
                }
            }
            match (&message.status_callback, account.auth_tokens.first()) {
                (Some(url), Some(token)) => Some(Due {
                    status: step.status.clone(),
                    url: url.clone(),
                    form: status_form(message, &step.status, step.error_code),
                    token: token.clone(),
                }),
                _ => None,
            }
        };
        self.announce();
        Some(due)
    }
}
