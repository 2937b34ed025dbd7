//! One application at work: its queue, its baton, its workers, behind one lock that nobody holds while waiting.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::base::stage::{self, Monitor};
use crate::base::{MessageId, NotificationId, UnixMillis};
use crate::config::{self, Environment};
use crate::pipeline::queue::{Arrival, Claim, Queue};
use crate::pipeline::report::RunReport;
use crate::pipeline::{ApplicationSetup, DirectRun, Surroundings, WorkerHandle, slot};
use crate::script::protocol::Bundle;
use crate::store::{AppDb, Inbox};
use crate::whatsapp::SignedUrls;

/// How many runs share a transaction at most. More gains nothing: a COMMIT costs the same whatever its size.
const BATCH: usize = 64;
/// How long an idle worker is kept, and an idle thread.
pub(super) const IDLE: Duration = Duration::from_mins(1);

/// One application at work.
pub(super) struct Application {
    pub(super) parameters: Arc<config::Application>,
    pub(super) bundle: Arc<Bundle>,
    pub(super) storage: Option<Arc<SignedUrls>>,
    pub(super) surroundings: Surroundings,
    inbox: Arc<OnceLock<Inbox>>,
    /// Told when something may run, the baton is free, or it is time to stop.
    state: Monitor<State>,
}

/// The right to write the application's database.
pub(super) struct Baton {
    pub(super) db: AppDb,
}

/// A piece of work for a slot.
pub(super) enum Work {
    Notification(Claim),
    Direct(DirectRun, oneshot::Sender<RunReport>),
}

struct State {
    queue: Queue,
    direct: VecDeque<(DirectRun, oneshot::Sender<RunReport>)>,
    /// `None` while a slot has it.
    baton: Option<Baton>,
    /// Slots that have sent and want the baton back; they go before new batches.
    returning: usize,
    slots: usize,
    idle_slots: usize,
    /// Warm workers, the warmest last, with the time since when they are idle.
    workers: Vec<(Box<dyn WorkerHandle>, Instant)>,
    /// Actions that have sent before: no run is sent ahead behind one.
    senders: HashSet<String>,
    /// When messages were sent within the last minute, the oldest first.
    sent: VecDeque<UnixMillis>,
    /// Messages whose sending run is waiting to be taken up again.
    reopened: BTreeMap<NotificationId, Vec<MessageId>>,
    stopping: bool,
}

impl Application {
    pub(super) fn new(
        setup: ApplicationSetup,
        surroundings: Surroundings,
        inbox: Arc<OnceLock<Inbox>>,
    ) -> Arc<Self> {
        let state = State {
            queue: Queue::default(),
            direct: VecDeque::new(),
            baton: Some(Baton { db: setup.db }),
            returning: 0,
            slots: 0,
            idle_slots: 0,
            workers: Vec::new(),
            senders: HashSet::new(),
            sent: VecDeque::new(),
            reopened: BTreeMap::new(),
            stopping: false,
        };
        Arc::new(Self {
            parameters: setup.parameters,
            bundle: setup.bundle,
            storage: setup.storage,
            surroundings,
            inbox,
            state: Monitor::new(state),
        })
    }

    pub(super) fn attach(&self, inbox: Inbox) {
        // Set once, by the first application; the others find it set.
        let _ = self.inbox.set(inbox);
    }

    pub(super) fn inbox(&self) -> Option<&Inbox> {
        self.inbox.get()
    }

    pub(super) fn ledger(&self) -> &PathBuf {
        &self.surroundings.ledger
    }

    pub(super) fn now(&self) -> UnixMillis {
        self.surroundings.clock.now()
    }

    pub(super) fn arrive(self: &Arc<Self>, arrivals: Vec<Arrival>) {
        let mut state = self.state.lock();
        for arrival in arrivals {
            state.queue.arrive(arrival);
        }
        self.wake(&mut state);
    }

    /// The messages that a waiting notification's run has sent: they are open until it has been taken up again.
    pub(super) fn reopen(&self, notification: NotificationId, messages: &[MessageId]) {
        let mut state = self.state.lock();
        for message in messages {
            state.queue.hold(*message);
        }
        state.reopened.insert(notification, messages.to_vec());
    }

    pub(super) fn direct(self: &Arc<Self>, run: DirectRun, reply: oneshot::Sender<RunReport>) {
        let mut state = self.state.lock();
        if !state.stopping {
            state.direct.push_back((run, reply));
            self.wake(&mut state);
        }
    }

    /// Makes sure that somebody looks at what may run now.
    fn wake(self: &Arc<Self>, state: &mut MutexGuard<'_, State>) {
        if state.baton.is_none() || state.returning > 0 || state.stopping {
            return; // whoever has the baton looks when he gives it up
        }
        if state.idle_slots > 0 {
            self.state.notify_one();
        } else if state.slots < usize::try_from(self.parameters.limits.workers).unwrap_or(1) {
            state.slots += 1;
            let application = Arc::clone(self);
            let name = format!("run-{}", self.parameters.id);
            let started = stage::spawn(&name, move || slot::work(&application));
            if let Err(error) = started {
                state.slots -= 1;
                tracing::error!(%error, "no thread to run an action");
            }
        }
    }

    /// Waits for work and the baton; `None` when the thread shall end.
    pub(super) fn claim(&self) -> Option<(Baton, Vec<Work>)> {
        let mut state = self.state.lock();
        let idle_since = stage::now();
        loop {
            if state.stopping {
                return self.leave(state);
            }
            let now = self.now();
            let something = !state.direct.is_empty() || state.queue.has_ready(now);
            if something
                && state.returning == 0
                && let Some(baton) = state.baton.take()
            {
                let work: Vec<_> = match state.direct.pop_front() {
                    Some((run, reply)) => vec![Work::Direct(run, reply)],
                    None => state.queue.claim(now, BATCH).into_iter().map(Work::Notification).collect(),
                };
                if !work.is_empty() {
                    return Some((baton, work));
                }
                state.baton = Some(baton);
            }
            let workers_idle = state.workers.first().map(|(_, since)| *since + IDLE);
            // While another slot has the baton, that one looks at what is due when it gives it up.
            let free = state.baton.is_some() && state.returning == 0;
            let until_due = state.queue.next_due().filter(|_| free);
            let until_due = until_due.map(|due| due.since(now).max(Duration::from_millis(1)));
            let wall = stage::now();
            if state.workers.first().is_some_and(|(_, since)| wall.duration_since(*since) >= IDLE) {
                let (old, _) = state.workers.remove(0);
                drop(state);
                drop(old); // kills and reaps; not under the lock
                state = self.state.lock();
                continue;
            }
            let nothing_to_watch = state.workers.is_empty() && state.queue.is_empty();
            if wall.duration_since(idle_since) >= IDLE && (nothing_to_watch || state.idle_slots > 0) {
                return self.leave(state);
            }
            let sleep = [
                Some((idle_since + IDLE).saturating_duration_since(wall)).filter(|rest| !rest.is_zero()),
                workers_idle.map(|at| at.saturating_duration_since(wall)),
                until_due,
            ]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(IDLE);
            state.idle_slots += 1;
            state = self.state.wait_for(state, sleep);
            state.idle_slots -= 1;
        }
    }

    fn leave(&self, mut state: MutexGuard<'_, State>) -> Option<(Baton, Vec<Work>)> {
        state.slots -= 1;
        self.state.notify_all();
        None
    }

    /// Gives the baton back at the end of a batch: the slot looks for more work itself, so nobody else is woken for
    /// it (two slots that take turns would only cool each other's caches).
    pub(super) fn end_batch(&self, baton: Baton) {
        let mut state = self.state.lock();
        state.baton = Some(baton);
        if state.returning > 0 || state.stopping {
            self.state.notify_all();
        }
    }

    /// Gives the baton up while a run waits for Twilio: others may go on.
    pub(super) fn lend_baton(self: &Arc<Self>, baton: Baton) {
        let mut state = self.state.lock();
        state.baton = Some(baton);
        if state.returning > 0 || state.stopping {
            self.state.notify_all();
        } else if !state.direct.is_empty()
            || state.queue.has_ready(self.now())
            || state.queue.next_due().is_some()
        {
            self.wake(&mut state);
        }
    }

    /// Takes the baton back after a send; before new batches.
    pub(super) fn take_baton(&self) -> Baton {
        let mut state = self.state.lock();
        state.returning += 1;
        loop {
            if let Some(baton) = state.baton.take() {
                state.returning -= 1;
                return baton;
            }
            state = self.state.wait(state);
        }
    }

    /// The warmest worker, if one is idle.
    pub(super) fn take_worker(&self) -> Option<Box<dyn WorkerHandle>> {
        self.state.lock().workers.pop().map(|(worker, _)| worker)
    }

    pub(super) fn put_worker(&self, worker: Box<dyn WorkerHandle>) {
        self.state.lock().workers.push((worker, stage::now()));
    }

    pub(super) fn is_sender(&self, action: &str) -> bool {
        self.state.lock().senders.contains(action)
    }

    /// Whether one more message may leave within this minute; counts it if so. Nothing is counted in the simulator.
    pub(super) fn may_send(&self) -> bool {
        if self.parameters.whatsapp.environment == Environment::Simulator {
            return true;
        }
        let now = self.now();
        let mut state = self.state.lock();
        while state.sent.front().is_some_and(|at| now.since(*at) >= Duration::from_mins(1)) {
            state.sent.pop_front();
        }
        let room = state.sent.len()
            < usize::try_from(self.parameters.limits.messages_per_minute).unwrap_or(usize::MAX);
        if room {
            state.sent.push_back(now);
        }
        room
    }

    /// A run of this action is about to send this message.
    pub(super) fn open_message(&self, action: &str, message: MessageId) {
        let mut state = self.state.lock();
        state.senders.insert(action.to_owned());
        state.queue.hold(message);
    }

    /// Works on the queue, when runs have ended.
    pub(super) fn with_queue<T>(self: &Arc<Self>, work: impl FnOnce(&mut Queue) -> T) -> T {
        let mut state = self.state.lock();
        let result = work(&mut state.queue);
        if state.queue.has_ready(self.now()) || state.queue.next_due().is_some() {
            self.wake(&mut state);
        }
        result
    }

    /// A run will be taken up again in a moment: the messages that it has sent stay open.
    pub(super) fn keep_open(&self, notification: NotificationId, messages: Vec<MessageId>) {
        if !messages.is_empty() {
            self.state.lock().reopened.insert(notification, messages);
        }
    }

    /// The messages that were reopened for a notification's run, now that it has been taken up again.
    pub(super) fn close_reopened(&self, notification: NotificationId) -> Vec<MessageId> {
        self.state.lock().reopened.remove(&notification).unwrap_or_default()
    }

    pub(super) fn stop(&self) {
        let mut state = self.state.lock();
        state.stopping = true;
        state.direct.clear(); // their callers hear that the host is stopping
        self.state.notify_all();
    }

    /// Waits until no slot is left, at most until `deadline`; idle workers are given up.
    pub(super) fn wait_until_idle(&self, deadline: Instant) -> bool {
        let mut state = self.state.lock();
        while state.slots > 0 {
            let rest = deadline.saturating_duration_since(stage::now());
            if rest.is_zero() {
                return false;
            }
            state = self.state.wait_for(state, rest);
        }
        state.workers.clear();
        true
    }
}
