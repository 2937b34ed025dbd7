//! Lets happen what stands on the timeline.
//!
//! Two things go on for a message: its statuses change on time, and its callbacks leave one after another, each when
//! the one before was answered or given up. A slow application delays its callbacks, not the message.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;

use super::callback::status_form;
use super::content::Content;
use super::media::MediaRecord;
use super::script::Step;
use super::validity::within;
use super::{Shared, State};
use crate::base::{MessageSid, Secret, UnixMillis};
use crate::whatsapp::{Form, MessageStatus};

/// What happens at a time.
#[derive(Debug)]
pub(super) enum Event {
    /// A message is sent that was scheduled.
    Begin(MessageSid, Plan),
    /// Something happens to a message.
    Step(MessageSid, Step),
    /// A request is answered, after the message's callbacks so far.
    Answer(MessageSid, oneshot::Sender<()>),
}

/// What is to become of a message that was taken.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) fate: Fate,
    /// How long it may wait to be sent.
    pub(super) validity: Option<Duration>,
}

impl Plan {
    /// These steps.
    pub(super) fn of(steps: Vec<Step>) -> Self {
        Self { fate: Fate::Asked(steps), validity: None }
    }
}

/// What becomes of a message.
#[derive(Debug)]
pub(super) enum Fate {
    /// What was asked for.
    Asked(Vec<Step>),
    /// What the rules, its template and its medium leave of the usual.
    Usual(Option<Content>),
}

/// What a message's queue of callbacks holds.
pub(super) enum Parcel {
    /// A callback that is due.
    Callback(Box<Callback>),
    /// Somebody waits for the callbacks before.
    Tell(oneshot::Sender<()>),
}

/// A callback that is due.
#[derive(Clone)]
pub(super) struct Callback {
    status: MessageStatus,
    url: String,
    form: Form,
    token: Secret,
}

/// Lets things happen on time, for ever.
pub(super) async fn keep_time(shared: Arc<Shared>) {
    if !shared.clock.passes() {
        return std::future::pending().await;
    }
    loop {
        let due = shared.state().timeline.next_due();
        let wait = async {
            match due {
                Some(due) => sleep(due.saturating_sub(shared.clock.elapsed())).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = wait => {
                let now = shared.clock.elapsed();
                shared.happen(&mut shared.state(), now);
            }
            () = shared.alarm.notified() => {}
        }
    }
}

impl Shared {
    /// Moves the time forward. What lies between happens in order, each thing at its own time.
    pub(super) fn forward(self: &Arc<Self>, by: Duration) -> UnixMillis {
        let mut state = self.state();
        let (before, target) = (self.clock.advance(), self.clock.elapsed() + by);
        self.happen(&mut state, target);
        self.clock.advance_to(before + by);
        drop(state);
        self.alarm.notify_one(); // what is next is due sooner
        self.announce();
        self.clock.now()
    }

    /// Puts an event on the timeline.
    pub(super) fn put(&self, state: &mut State, due: Duration, event: Event) {
        state.timeline.put(due, event);
        self.alarm.notify_one();
    }

    /// Lets everything happen that is due by then.
    pub(super) fn happen(self: &Arc<Self>, state: &mut State, until: Duration) {
        while let Some((due, event)) = state.timeline.take(until) {
            self.clock.reach(due);
            match event {
                Event::Begin(sid, plan) => self.begin(state, sid, plan, due),
                Event::Step(sid, step) => self.step(state, &sid, &step),
                Event::Answer(sid, tell) => self.queue(state, sid, Parcel::Tell(tell)),
            }
        }
    }

    /// A message is sent.
    pub(super) fn begin(
        self: &Arc<Self>,
        state: &mut State,
        sid: MessageSid,
        Plan { fate, validity }: Plan,
        start: Duration,
    ) {
        let State { messages, conversations, rules, .. } = &mut *state;
        let Some(message) = messages.get(&sid) else { return };
        if message.status == MessageStatus::Canceled {
            return;
        }
        let steps = match fate {
            Fate::Asked(steps) => steps,
            Fate::Usual(content) => {
                match conversations.broken(*rules, message, content.as_ref(), self.clock.now()) {
                    Some((status, code)) => Step::failure(&self.timings, &status, code),
                    None => match message.media_urls.first().cloned() {
                        Some(url) => {
                            self.spawn(fetch(Arc::clone(self), sid, url, validity, start));
                            return;
                        }
                        None => Step::usual(&self.timings),
                    },
                }
            }
        };
        self.plan(state, &sid, start, within(validity, steps));
    }

    /// Puts what happens to a message on the timeline, counted from `start`.
    fn plan(&self, state: &mut State, sid: &MessageSid, start: Duration, steps: Vec<Step>) {
        let mut due = start;
        for step in steps {
            due = due.max(start + Duration::from_millis(step.after_ms));
            self.put(state, due, Event::Step(sid.clone(), step));
        }
    }

    /// Something happens to a message, if it is still there and was not called off.
    pub(super) fn step(self: &Arc<Self>, state: &mut State, sid: &MessageSid, step: &Step) {
        let now = self.clock.now();
        let State { accounts, messages, .. } = &mut *state;
        let Some(message) = messages.get_mut(sid) else { return };
        if message.status == MessageStatus::Canceled && step.status != MessageStatus::Canceled {
            return;
        }
        let Some(account) = accounts.get(&message.account) else { return };
        if message.from.is_none() && step.status != MessageStatus::Canceled {
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
        let callback = match (&message.status_callback, account.auth_tokens.first()) {
            (Some(url), Some(token)) => Some(Callback {
                status: step.status.clone(),
                url: url.clone(),
                form: status_form(message, &step.status, step.error_code),
                token: token.clone(),
            }),
            _ => None,
        };
        for callback in std::iter::repeat_n(callback, step.callbacks.into()).flatten() {
            self.queue(state, sid.clone(), Parcel::Callback(Box::new(callback)));
        }
        self.announce();
    }

    /// Queues a message's callback behind the others; where there is no queue, somebody starts to work it off.
    fn queue(self: &Arc<Self>, state: &mut State, sid: MessageSid, parcel: Parcel) {
        if let Some(queue) = state.outbox.get_mut(&sid) {
            queue.push_back(parcel);
            return;
        }
        state.outbox.insert(sid.clone(), VecDeque::from([parcel]));
        self.spawn(deliver(Arc::clone(self), sid));
    }
}

/// Works off a message's callbacks, one after another, until there are no more.
async fn deliver(shared: Arc<Shared>, sid: MessageSid) {
    loop {
        let next = {
            let mut state = shared.state();
            let next = state.outbox.get_mut(&sid).and_then(VecDeque::pop_front);
            if next.is_none() {
                state.outbox.remove(&sid);
            }
            next
        };
        match next {
            None => return,
            Some(Parcel::Tell(tell)) => {
                let _ = tell.send(()); // who waited may have gone
            }
            Some(Parcel::Callback(callback)) => {
                let Callback { status, url, form, token } = *callback;
                let allowed = shared.state().callback_origins.clone();
                let called = shared.caller.call(&url, &form, &token, &allowed).await;
                if let Err(why) = &called.answer {
                    tracing::warn!(%sid, %status, attempts = called.attempts, why, "a callback could not be delivered");
                }
                shared.change(&sid, |message| message.callbacks.push(called.record(status)));
            }
        }
    }
}

/// Fetches a message's medium, and lets happen what follows from that.
async fn fetch(
    shared: Arc<Shared>,
    sid: MessageSid,
    url: String,
    validity: Option<Duration>,
    start: Duration,
) {
    let record = shared.fetcher.fetch(&url, |url| shared.may_fetch(url)).await;
    let steps = match &record {
        MediaRecord::Failed { error_code, why } => {
            tracing::warn!(%sid, error_code, why, "a message's medium could not be fetched or sent");
            Step::failure(&shared.timings, &MessageStatus::Failed, *error_code)
        }
        MediaRecord::Unread | MediaRecord::Fetched { .. } => Step::usual(&shared.timings),
    };
    {
        let mut state = shared.state();
        let Some(message) = state.messages.get_mut(&sid) else { return };
        message.media = Some(record);
        shared.plan(&mut state, &sid, start, within(validity, steps));
    }
    shared.announce();
}
