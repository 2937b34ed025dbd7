//! One application at work: its queue, its baton, its workers, behind one lock that nobody holds while waiting.

use std::collections::{BTreeMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};

use crate::base::stage::{self, Monitor};
use crate::base::{AppId, MessageId, NotificationId, UnixMillis};
use crate::pipeline::edition::Edition;
use crate::pipeline::gate::Gate;
use crate::pipeline::queue::{Arrival, Claim, Queue};
use crate::pipeline::report::RunReport;
use crate::pipeline::share::Share;
use crate::pipeline::window::Window;
use crate::pipeline::{ApplicationSetup, DirectRun, Surroundings, slot, window};
use crate::store::{AppDb, Inbox, Ledger, StoreError};

/// How many runs share a transaction at most. More gains nothing: a COMMIT costs the same whatever its size.
const BATCH: usize = 64;
/// How long an idle thread is kept.
pub(super) const IDLE: Duration = Duration::from_mins(1);

/// One application at work.
pub(super) struct Application {
    pub(super) id: AppId,
    pub(super) surroundings: Surroundings,
    /// What every message passes before it may leave.
    pub(super) gate: Gate,
    inbox: OnceLock<Inbox>,
    /// Told when something may run, the baton is free, or it is time to stop.
    state: Monitor<State>,
    /// Whether it is time to stop: for those who wait for nothing else.
    stopped: Monitor<bool>,
    /// Changes whenever a slot has nothing to do any more: for those who wait until nothing is under way.
    rested: watch::Sender<()>,
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

/// What a slot has claimed, and what it goes by to the end.
pub(super) struct Claimed {
    pub(super) edition: Arc<Edition>,
    pub(super) baton: Baton,
    pub(super) work: Vec<Work>,
}

struct State {
    /// What the next batch goes by.
    edition: Arc<Edition>,
    queue: Queue,
    window: Window,
    /// What reads behind the window; away while somebody reads.
    reader: Option<Ledger>,
    direct: VecDeque<(DirectRun, oneshot::Sender<RunReport>)>,
    /// `None` while a slot has it.
    baton: Option<Baton>,
    /// Slots that have sent and want the baton back; they go before new batches.
    returning: usize,
    /// Batches that have been claimed and have not ended.
    batches: usize,
    /// Whether nothing new is claimed, because somebody waits until no batch is open.
    closed: bool,
    slots: usize,
    idle_slots: usize,
    share: Share,
    /// Actions that have sent before: no run is sent ahead behind one.
    senders: HashSet<String>,
    /// Messages whose sending run is waiting to be taken up again.
    reopened: BTreeMap<NotificationId, Vec<MessageId>>,
    stopping: bool,
}

impl State {
    /// When there is something to do that need not be done now.
    fn next_due(&self) -> Option<UnixMillis> {
        [self.queue.next_due(), self.window.next_due(&self.queue)].into_iter().flatten().min()
    }

    /// How many slots there may be.
    fn most_slots(&self) -> usize {
        usize::try_from(self.edition.parameters.limits.workers).unwrap_or(1)
    }

    /// Whether the baton is there for a new batch.
    fn is_free(&self) -> bool {
        self.baton.is_some() && self.returning == 0 && !self.closed
    }
}

impl Application {
    pub(super) fn new(setup: ApplicationSetup, surroundings: Surroundings) -> Arc<Self> {
        let workers = Arc::clone(&surroundings.workers);
        let edition = Edition::new(setup.parameters, &setup.bundle, setup.storage, workers);
        let id = edition.parameters.id.clone();
        let state = State {
            queue: Queue::with_lines_of(window::longest_line(surroundings.waiting_bytes)),
            window: Window::shut(surroundings.waiting_bytes),
            reader: None,
            direct: VecDeque::new(),
            baton: Some(Baton { db: setup.db }),
            returning: 0,
            batches: 0,
            closed: false,
            slots: 0,
            idle_slots: 0,
            share: Share::new(edition.parameters.limits.cpu_percent, stage::now()),
            edition,
            senders: HashSet::new(),
            reopened: BTreeMap::new(),
            stopping: false,
        };
        Arc::new(Self {
            id,
            surroundings,
            gate: Gate::default(),
            inbox: OnceLock::new(),
            state: Monitor::new(state),
            stopped: Monitor::new(false),
            rested: watch::Sender::default(),
        })
    }

    /// Ends of runs are recorded here.
    pub(super) fn attach(&self, inbox: Inbox) {
        let _ = self.inbox.set(inbox); // it is set once
    }

    /// Takes up what waited before this process began.
    ///
    /// # Errors
    /// When the databases cannot be read.
    pub(super) fn start(self: &Arc<Self>, ledger: &Ledger) -> Result<(), StoreError> {
        let mut state = self.state.lock();
        if !state.edition.has_action() {
            return Ok(()); // what waits for an action that is not configured goes on waiting
        }
        state.edition.pool.keep_reserve();
        state.window = Window::open(self.surroundings.waiting_bytes, state.edition.idle_sources());
        hold_unfinished(&mut state, ledger)?;
        self.read_on(state);
        self.wake(&mut self.state.lock());
        Ok(())
    }

    /// What the next batch goes by.
    pub(super) fn edition(&self) -> Arc<Edition> {
        Arc::clone(&self.state.lock().edition)
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
        let State { queue, window, .. } = &mut *state;
        window.announced(arrivals, queue);
        self.wake(&mut state);
    }

    /// Notifications that are not in memory may run from `at` on: their rows say so.
    pub(super) fn replayed(self: &Arc<Self>, at: UnixMillis) {
        let mut state = self.state.lock();
        state.window.reaches_back_to(at);
        self.wake(&mut state);
    }

    /// The inbox has been told that these have ended, and that those are tried again.
    pub(super) fn recorded(&self, ended: &[NotificationId], delayed: &[(NotificationId, UnixMillis)]) {
        let mut state = self.state.lock();
        let State { queue, window, .. } = &mut *state;
        queue.told(ended);
        for (id, at) in delayed {
            window.recorded(*id, *at, queue);
        }
    }

    /// Reads on behind what is in memory.
    fn read_on(&self, mut state: MutexGuard<'_, State>) {
        let State { queue, window, reader, .. } = &mut *state;
        let Some(order) = window.begin(queue, self.now()) else { return };
        let reader = reader.take();
        drop(state);
        // Ends that were told before must be on the disk, or what is read is out of date.
        let delivery = (|| {
            self.inbox.get().map_or(Ok(()), Inbox::flush)?;
            let reader = match reader {
                Some(reader) => reader,
                None => Ledger::open(&self.surroundings.ledger)?,
            };
            Ok((order.read(&reader, &self.id)?, reader))
        })();
        let mut state = self.state.lock();
        let State { queue, window, reader, .. } = &mut *state;
        let delivery = delivery.map(|(delivery, used)| {
            *reader = Some(used);
            delivery
        });
        window.done(&order, delivery, queue, self.now());
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
        if !state.is_free() || state.stopping {
            return; // whoever has the baton looks when he gives it up
        }
        if state.idle_slots > 0 {
            self.state.notify_one();
        } else if state.slots < state.most_slots() {
            state.slots += 1;
            let application = Arc::clone(self);
            let name = format!("run-{}", self.id);
            let started = stage::spawn(&name, move || slot::work(&application));
            if let Err(error) = started {
                state.slots -= 1;
                tracing::error!(%error, "no thread to run an action");
            }
        }
    }

    /// Waits for work and the baton; `None` when the thread shall end.
    pub(super) fn claim(&self) -> Option<Claimed> {
        let mut state = self.state.lock();
        let idle_since = stage::now();
        loop {
            if state.stopping || state.slots > state.most_slots() {
                return self.leave(state);
            }
            let now = self.now();
            if state.window.wants(&state.queue, now) {
                self.read_on(state);
                state = self.state.lock();
                continue;
            }
            let something = !state.direct.is_empty() || state.queue.has_ready(now);
            let pause = state.share.pause(stage::now());
            if something
                && pause.is_none()
                && state.is_free()
                && let Some(baton) = state.baton.take()
            {
                let work: Vec<_> = match state.direct.pop_front() {
                    Some((run, reply)) => vec![Work::Direct(run, reply)],
                    None => state.queue.claim(now, BATCH).into_iter().map(Work::Notification).collect(),
                };
                if !work.is_empty() {
                    state.batches += 1;
                    return Some(Claimed { edition: Arc::clone(&state.edition), baton, work });
                }
                state.baton = Some(baton);
            }
            // While another slot has the baton, that one looks at what is due when it gives it up.
            let until_due = state.next_due().filter(|_| state.is_free());
            let until_due = until_due.map(|due| due.since(now).max(Duration::from_millis(1)));
            let wall = stage::now();
            let too_old = state.edition.pool.next_too_old();
            if too_old.is_some_and(|at| at <= wall) {
                let pool = Arc::clone(&state.edition.pool);
                drop(state);
                pool.give_up_old(wall);
                state = self.state.lock();
                continue;
            }
            let nothing_to_watch = too_old.is_none() && state.queue.is_empty() && state.next_due().is_none();
            let nobody_needed = (nothing_to_watch && !something) || state.idle_slots > 0;
            if wall.duration_since(idle_since) >= IDLE && nobody_needed {
                return self.leave(state);
            }
            let sleep = [
                Some((idle_since + IDLE).saturating_duration_since(wall)).filter(|rest| !rest.is_zero()),
                too_old.map(|at| at.saturating_duration_since(wall)),
                until_due,
                pause.filter(|_| something),
            ]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(IDLE);
            state.idle_slots += 1;
            self.rested.send_replace(());
            state = self.state.wait_for(state, sleep);
            state.idle_slots -= 1;
        }
    }

    fn leave(&self, mut state: MutexGuard<'_, State>) -> Option<Claimed> {
        state.slots -= 1;
        self.state.notify_all();
        self.rested.send_replace(());
        None
    }

    /// Waits until no run is under way and none may begin.
    pub(super) async fn quiet(&self) {
        let mut rested = self.rested.subscribe();
        while !self.is_quiet() {
            // The sender lives as long as this.
            let _ = rested.changed().await;
        }
    }

    fn is_quiet(&self) -> bool {
        let now = self.now();
        let state = self.state.lock();
        let nothing_ready = state.direct.is_empty() && !state.queue.has_ready(now);
        nothing_ready
            && !state.window.wants(&state.queue, now)
            && state.baton.is_some()
            && state.returning == 0
            && state.slots == state.idle_slots
    }

    /// The time was set: what is due now may run.
    pub(super) fn look(self: &Arc<Self>) {
        self.wake(&mut self.state.lock());
    }

    /// When there is something to do that need not be done now.
    pub(super) fn next_due(&self) -> Option<UnixMillis> {
        self.state.lock().next_due()
    }

    /// Gives the baton back at the end of a batch: the slot looks for more work itself, so nobody else is woken for
    /// it (two slots that take turns would only cool each other's caches).
    pub(super) fn end_batch(&self, baton: Baton) {
        let mut state = self.state.lock();
        state.batches -= 1;
        state.baton = Some(baton);
        if !state.is_free() || state.stopping {
            self.state.notify_all();
        }
    }

    /// Gives the baton up while a run waits for Twilio: others may go on.
    pub(super) fn lend_baton(self: &Arc<Self>, baton: Baton) {
        let mut state = self.state.lock();
        state.baton = Some(baton);
        if !state.is_free() || state.stopping {
            self.state.notify_all();
        } else if !state.direct.is_empty() || state.queue.has_ready(self.now()) || state.next_due().is_some()
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

    /// Does a small piece of work on the database between two batches; `None` when the host is stopping.
    pub(super) fn between_batches<T>(self: &Arc<Self>, work: impl FnOnce(&mut AppDb) -> T) -> Option<T> {
        let mut state = self.state.lock();
        state.returning += 1;
        let baton = loop {
            if state.stopping {
                break None;
            }
            if let Some(baton) = state.baton.take() {
                break Some(baton);
            }
            state = self.state.wait(state);
        };
        state.returning -= 1;
        drop(state);
        let mut baton = baton?;
        let result = work(&mut baton.db);
        self.lend_baton(baton);
        Some(result)
    }

    /// Does something with the database while no batch is open, and then has the next batches go by another edition;
    /// nothing changes where that fails. Runs that are open have `patience` to come to their end; one that still waits for
    /// Twilio then goes on afterwards.
    ///
    /// # Errors
    /// What `work` says; [`StoreError::Unavailable`] when the host is stopping or the database is not to be had.
    pub(super) fn change_alone<T>(
        self: &Arc<Self>,
        patience: Duration,
        next: &Arc<Edition>,
        work: impl FnOnce(&mut AppDb) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let begun = stage::now();
        let mut state = self.state.lock();
        state.closed = true;
        let baton = loop {
            let waited = stage::now().saturating_duration_since(begun);
            if state.stopping || waited >= patience * 2 {
                break None;
            }
            if (state.batches == 0 || waited >= patience)
                && let Some(baton) = state.baton.take()
            {
                break Some(baton);
            }
            let until = if waited < patience { patience } else { patience * 2 };
            state = self.state.wait_for(state, until.saturating_sub(waited));
        };
        let stopping = state.stopping;
        drop(state);
        let Some(mut baton) = baton else {
            let mut state = self.state.lock();
            state.closed = false;
            self.wake(&mut state);
            let why =
                if stopping { "the host is stopping" } else { "an open run does not let the database go" };
            return Err(StoreError::Unavailable(why.into()));
        };
        let done = work(&mut baton.db);
        if done.is_ok() {
            self.change(next);
        }
        self.state.lock().closed = false;
        self.lend_baton(baton);
        done
    }

    /// The next batches go by another edition; those that are open keep theirs.
    pub(super) fn change(self: &Arc<Self>, next: &Arc<Edition>) {
        let mut state = self.state.lock();
        let State { edition, queue, window, share, .. } = &mut *state;
        if edition.script_version != next.script_version {
            queue.scripts_changed();
        }
        share.set(next.parameters.limits.cpu_percent, stage::now());
        if next.has_action() {
            next.pool.keep_reserve();
        }
        // Without an inbox nothing is taken up.
        if self.inbox.get().is_some() {
            window.is_idle_for(next.idle_sources());
        }
        let before = std::mem::replace(edition, Arc::clone(next));
        self.wake(&mut state);
        self.state.notify_all(); // there may be fewer slots
        drop(state);
        if !Arc::ptr_eq(&before.pool, &next.pool) {
            before.pool.close(); // kills and reaps; not under the lock
        }
    }

    /// So much processor time was used for this application.
    pub(super) fn spent(&self, cpu: Duration) {
        self.state.lock().share.spend(cpu, stage::now());
    }

    /// Whether somebody waits to have the baton back.
    pub(super) fn is_baton_wanted(&self) -> bool {
        self.state.lock().returning > 0
    }

    pub(super) fn is_sender(&self, action: &str) -> bool {
        self.state.lock().senders.contains(action)
    }

    /// An action waits before it sends: no run is sent ahead behind one of its runs any more.
    pub(super) fn sends(&self, action: &str) {
        self.state.lock().senders.insert(action.to_owned());
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
        if state.queue.has_ready(self.now()) || state.next_due().is_some() {
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

    /// Whether a run that sends this message, or has sent it, is open or waits to be taken up again.
    pub(super) fn is_open(&self, message: MessageId) -> bool {
        self.state.lock().queue.is_held(message)
    }

    /// Lets so much time pass, without the baton; `false` as soon as the host is stopping.
    pub(super) fn let_pass(&self, time: Duration) -> bool {
        if self.surroundings.clock.skip(time) { !*self.stopped.lock() } else { self.pause(time) }
    }

    /// Waits for so long, without the baton; `false` as soon as the host is stopping.
    pub(super) fn pause(&self, wait: Duration) -> bool {
        let mut stopped = self.stopped.lock();
        if !*stopped {
            stopped = self.stopped.wait_for(stopped, wait); // that it may end early does no harm
        }
        !*stopped
    }

    pub(super) fn stop(&self) {
        let mut state = self.state.lock();
        state.stopping = true;
        state.direct.clear(); // their callers hear that the host is stopping
        self.state.notify_all();
        drop(state);
        *self.stopped.lock() = true;
        self.stopped.notify_all();
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
        let pool = Arc::clone(&state.edition.pool);
        drop(state);
        pool.close();
        true
    }
}

/// Runs that were under way in an earlier process: the messages that they have sent are open until they have been
/// taken up again.
fn hold_unfinished(state: &mut State, ledger: &Ledger) -> Result<(), StoreError> {
    let sends = state.baton.as_ref().map_or(Ok(Vec::new()), |baton| baton.db.unfinished_sends())?;
    for (notification, message) in sends {
        if ledger.is_fresh(notification)? {
            state.queue.hold(message);
            state.reopened.entry(notification).or_default().push(message);
        }
    }
    Ok(())
}
