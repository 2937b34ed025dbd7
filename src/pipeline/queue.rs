//! Which notification runs next: the pipeline's decisions for one application, as a pure state machine.
//!
//! Events go in ([`Queue::arrive`], [`Queue::claim`], [`Queue::finish`], [`Queue::hold`], [`Queue::release`]), each
//! with the time; decisions come out. No threads, no clock, no database: everything that the threads around it do
//! can be replayed here, step by step.
//!
//! The rules:
//! * What belongs to one line runs one at a time in the order of arrival: the statuses of a message, the messages of a
//!   conversation. One that fails holds the later ones back until it is done or dead (invariant 5).
//! * A notification of a message whose sending run is open waits for that run's end.
//! * Companies take turns.
//! * A failed run is tried again after 1 s, doubling to 10 min, with jitter, 12 attempts in all; a run that
//!   killed its worker three times is dead at once.
//! * When a worker dies with several runs before it, nobody is blamed: each is taken alone next time.
//! * The host's own troubles are nobody's fault: the run is tried again and no attempt is counted.
//! * A script that kills worker after worker pauses (the breaker).
//! * No run waits longer than its delay, also where the clock was set back.
//!
//! The queue holds what is in memory. What waits for its next attempt can be left on the disk
//! ([`Queue::leave`]), and so can the rest of a long line ([`Queue::torn`]); [`super::window`] says when, and what is
//! read again.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use crate::base::{CompanyId, MessageId, NotificationId, UnixMillis, debug_only};
use crate::pipeline::breaker::Breaker;
use crate::store::{Line, Scheduled, Source, weight};

/// After so many failed attempts a notification is dead.
pub const MAX_ATTEMPTS: u32 = 12;
/// After so many killed workers a notification is dead.
pub const MAX_KILLS: u32 = 3;
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_mins(10);
/// How long a run waits that met trouble of the host's own.
const TROUBLE_RETRY: Duration = Duration::from_secs(1);
/// Nothing is ever delayed by more: 10 min and a fifth.
const LONGEST_DELAY: Duration = Duration::from_mins(12);

/// A notification that wants to run.
#[derive(Clone)]
pub struct Arrival {
    /// Its number, in the order of arrival.
    pub id: NotificationId,
    /// Its company.
    pub company: CompanyId,
    /// In whose order it runs.
    pub line: Line,
    /// The host's id of the message, if it is the host's.
    pub message: Option<MessageId>,
    /// The form as it came.
    pub form: Bytes,
    /// How it came: it decides which action runs.
    pub source: Source,
    /// Failed attempts so far.
    pub attempts: u32,
    /// How often its run killed its worker.
    pub kills: u32,
    /// Not before; `None`: as soon as possible.
    pub not_before: Option<UnixMillis>,
    /// Whether its effect may be there already: it comes from before a restart, or was read from the disk.
    pub recovered: bool,
    /// Whether its row says when it is tried again: then it may be left on the disk until that time.
    pub scheduled: bool,
    /// Of its run's journal: an older one does not count.
    pub generation: u32,
}

debug_only!(Arrival { id, company, line, attempts });

/// A notification that was claimed and must be finished.
#[derive(Clone)]
pub struct Claim {
    /// Its number.
    pub id: NotificationId,
    /// Its company.
    pub company: CompanyId,
    /// In whose order it runs.
    pub line: Line,
    /// The form as it came.
    pub form: Bytes,
    /// How it came.
    pub source: Source,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// Whether `_host_done` has to be asked first.
    pub recovered: bool,
    /// Of its run's journal.
    pub generation: u32,
}

debug_only!(Claim { id, company, line, attempt });

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Its effect is committed.
    Done,
    /// The action failed.
    Failed,
    /// The action killed its worker, for certain.
    KilledWorker,
    /// It did not come to an end for reasons that lie elsewhere; try it again, by itself where `alone`.
    Interrupted {
        /// Nothing else shares its worker and transaction next time.
        alone: bool,
    },
    /// It can never end well.
    Hopeless,
    /// The host could not: a database that fails, a worker that does not start. Later, no attempt counted.
    HostTrouble,
}

/// What becomes of the notification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is done.
    Done,
    /// It is tried again.
    Retry {
        /// When.
        at: UnixMillis,
    },
    /// It is given up.
    Dead,
    /// It goes back to where it was: nothing to record.
    Again,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Behind an earlier notification of its line, or held back by an open run.
    Blocked,
    Ready,
    Delayed(UnixMillis),
    Running,
}

#[derive(Debug)]
struct Entry {
    arrival: Arrival,
    state: State,
    alone: bool,
}

/// The waiting notifications of one application.
#[derive(Debug, Default)]
pub struct Queue {
    entries: HashMap<NotificationId, Entry>,
    /// Of each line its notifications in the order of arrival; the first is the one that may run.
    lines: HashMap<Line, VecDeque<NotificationId>>,
    /// How many of a line are in memory, where the disk has the rest; `None`: all.
    longest_line: Option<usize>,
    /// Lines whose rest is on the disk, behind these numbers.
    torn: BTreeMap<Line, NotificationId>,
    /// Those of them that have nothing in memory any more.
    short: BTreeSet<Line>,
    /// Of each company what may run now.
    ready: HashMap<CompanyId, VecDeque<NotificationId>>,
    /// The companies that have something ready, in turn.
    turns: VecDeque<CompanyId>,
    delayed: BTreeSet<(UnixMillis, NotificationId)>,
    /// The notifications of each message that is the host's own.
    own: HashMap<MessageId, Vec<NotificationId>>,
    /// The messages whose sending runs are open.
    open: HashMap<MessageId, u32>,
    breaker: Breaker,
    /// About how much memory the notifications take, in bytes.
    weight: usize,
    /// What has come to its end and the inbox has not been told of yet.
    untold: HashSet<NotificationId>,
    /// What has come to its end since somebody began to note it, and what the inbox had not been told of then.
    ended: Option<HashSet<NotificationId>>,
}

impl Queue {
    /// A queue over a disk, which takes up no more of a line than `longest_line`: a person who writes a lot does not
    /// fill the memory.
    #[must_use]
    pub fn with_lines_of(longest_line: usize) -> Self {
        Self { longest_line: Some(longest_line.max(1)), ..Self::default() }
    }

    /// How many notifications wait or run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing waits or runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// About how much memory they take, in bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.weight
    }

    /// Whether something of this line waits or runs.
    #[must_use]
    pub fn knows_line(&self, line: &Line) -> bool {
        self.lines.contains_key(line) || self.torn.contains_key(line)
    }

    /// How many of a line are taken up at most.
    #[must_use]
    pub fn longest_line(&self) -> usize {
        self.longest_line.unwrap_or(usize::MAX)
    }

    /// The lines that have nothing in memory and more on the disk, each behind its number.
    pub fn short(&self) -> impl Iterator<Item = (&Line, NotificationId)> {
        self.short.iter().filter_map(|line| Some((line, *self.torn.get(line)?)))
    }

    /// Of this line the disk has more behind that number; `None`: all of it is in memory, or comes by itself.
    pub fn torn(&mut self, line: &Line, behind: Option<NotificationId>) {
        let Some(behind) = behind else {
            self.torn.remove(line);
            self.short.remove(line);
            return;
        };
        self.torn.insert(line.clone(), behind);
        if !self.lines.contains_key(line) {
            self.short.insert(line.clone());
        }
    }

    /// Since when runs pause because their script keeps killing workers: until when.
    #[must_use]
    pub fn pauses_until(&self) -> Option<UnixMillis> {
        self.breaker.pauses_until()
    }

    /// Takes a notification in. One that is known already changes nothing; one whose line is too long for the memory
    /// stays on the disk.
    pub fn arrive(&mut self, arrival: Arrival) {
        let id = arrival.id;
        if self.entries.contains_key(&id) || self.stays_behind(&arrival) {
            return;
        }
        self.short.remove(&arrival.line);
        self.weight += weight(&arrival.form);
        // One that has killed its worker shares nothing with others.
        let alone = arrival.kills > 0;
        let line = self.lines.entry(arrival.line.clone()).or_default();
        // The order of arrival is the order of the numbers, whatever order they are told in.
        if let Some(message) = arrival.message {
            self.own.entry(message).or_default().push(id);
        }
        let place = line.partition_point(|other| *other < id);
        let overtaken = (place == 0).then(|| line.front().copied()).flatten();
        line.insert(place, id);
        self.entries.insert(id, Entry { arrival, state: State::Blocked, alone });
        if let Some(overtaken) = overtaken {
            self.block(overtaken);
        }
        if place == 0 {
            self.unblock(id);
        }
    }

    /// Claims at most `most` notifications that may run now. One that has to be alone comes alone.
    pub fn claim(&mut self, now: UnixMillis, most: usize) -> Vec<Claim> {
        self.promote(now);
        let most = self.breaker.allows(now).map_or(most, |some| some.min(most));
        let mut claims = Vec::new();
        while claims.len() < most
            && let Some(company) = self.turns.pop_front()
        {
            let Some(line) = self.ready.get_mut(&company) else { continue };
            let Some(&id) = line.front() else {
                self.ready.remove(&company);
                continue;
            };
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            if entry.alone && !claims.is_empty() {
                self.turns.push_front(company);
                break;
            }
            line.pop_front();
            if line.is_empty() {
                self.ready.remove(&company);
            } else {
                self.turns.push_back(company);
            }
            entry.state = State::Running;
            claims.push(Claim {
                id,
                company: entry.arrival.company.clone(),
                line: entry.arrival.line.clone(),
                form: entry.arrival.form.clone(),
                source: entry.arrival.source,
                attempt: entry.arrival.attempts + 1,
                recovered: entry.arrival.recovered,
                generation: entry.arrival.generation,
            });
            self.breaker.began();
            if entry.alone {
                break;
            }
        }
        claims
    }

    /// Whether [`Queue::claim`] would give something.
    #[must_use]
    pub fn has_ready(&self, now: UnixMillis) -> bool {
        let due = |scheduled: Option<&Scheduled>| scheduled.is_some_and(|(at, _)| is_due(*at, now));
        self.breaker.allows(now) != Some(0)
            && (!self.turns.is_empty() || due(self.delayed.first()) || due(self.delayed.last()))
    }

    /// When something may run that may not run now.
    #[must_use]
    pub fn next_due(&self) -> Option<UnixMillis> {
        let delayed = self.delayed.first().map(|(at, _)| *at);
        match self.breaker.pauses_until() {
            Some(until) if !self.turns.is_empty() => Some(until),
            Some(until) => delayed.map(|at| at.max(until)),
            None => delayed,
        }
    }

    /// Ends an attempt and decides what becomes of the notification.
    pub fn finish(&mut self, id: NotificationId, verdict: Verdict, now: UnixMillis) -> Decision {
        let Some(entry) = self.entries.get_mut(&id) else { return Decision::Again };
        // Whatever came of this attempt, its commit may have happened.
        entry.arrival.recovered = true;
        entry.state = State::Blocked;
        match verdict {
            Verdict::Done => {
                self.breaker.ended();
                self.remove(id);
                return Decision::Done;
            }
            Verdict::Failed => {
                self.breaker.ended();
                entry.arrival.attempts += 1;
            }
            Verdict::KilledWorker => {
                self.breaker.killed(now);
                entry.arrival.attempts += 1;
                entry.arrival.kills += 1;
                entry.alone = true;
            }
            Verdict::Hopeless => {
                self.breaker.ended();
                self.remove(id);
                return Decision::Dead;
            }
            Verdict::Interrupted { alone } => {
                self.breaker.undecided();
                entry.alone |= alone;
                self.next_of_line(id);
                return Decision::Again;
            }
            Verdict::HostTrouble => {
                self.breaker.undecided();
                self.delay(id, now.plus(TROUBLE_RETRY));
                return Decision::Again;
            }
        }
        let Arrival { attempts, kills, .. } = entry.arrival;
        if attempts >= MAX_ATTEMPTS || kills >= MAX_KILLS {
            self.remove(id);
            return Decision::Dead;
        }
        let at = now.plus(retry_delay(id, attempts));
        self.delay(id, at);
        Decision::Retry { at }
    }

    /// A claim cannot be taken up, for nothing runs for it any more: it is left to the disk with the later ones of its
    /// line.
    pub fn put_back(&mut self, id: NotificationId) {
        self.breaker.undecided();
        if let Some(entry) = self.entries.get(&id) {
            let line = entry.arrival.line.clone();
            self.forget_line(&line);
        }
    }

    /// There are new scripts: what the old ones did to workers does not count.
    pub fn scripts_changed(&mut self) {
        self.breaker = Breaker::default();
    }

    /// A run is about to send this message: its notifications wait until [`Queue::release`].
    pub fn hold(&mut self, message: MessageId) {
        *self.open.entry(message).or_default() += 1;
        for id in self.own.get(&message).cloned().unwrap_or_default() {
            self.block(id);
        }
    }

    /// Whether the run that sends this message, or has sent it, has not ended.
    #[must_use]
    pub fn is_held(&self, message: MessageId) -> bool {
        self.open.contains_key(&message)
    }

    /// The run that sent this message has ended.
    pub fn release(&mut self, message: MessageId) {
        let Some(holders) = self.open.get_mut(&message) else { return };
        *holders -= 1;
        if *holders > 0 {
            return;
        }
        self.open.remove(&message);
        for id in self.own.get(&message).cloned().unwrap_or_default() {
            if self.entries.get(&id).is_some_and(|entry| entry.state == State::Blocked) {
                self.unblock(id);
            }
        }
    }

    /// The row of a notification that was delayed says so by now.
    pub fn recorded(&mut self, id: NotificationId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.arrival.scheduled = true;
        }
    }

    /// Forgets those that are delayed longest, with the later ones of their lines, until the rest weighs no more
    /// than `most` bytes or none is left that the disk knows as delayed; says which of them is due first. They have to
    /// be read from the disk when they are due.
    pub fn leave(&mut self, most: usize, now: UnixMillis) -> Option<Scheduled> {
        let mut first = None;
        let mut from = self.delayed.last().copied();
        // What is due would have to be read again at once.
        while let Some(scheduled) = from.filter(|(at, _)| self.weight > most && !is_due(*at, now)) {
            from = self.delayed.range(..scheduled).next_back().copied();
            if self.leave_line(scheduled.1) {
                first = Some(scheduled);
            }
        }
        first
    }

    /// Forgets a delayed notification with the later ones of its line, if the disk knows it as delayed.
    pub fn leave_line(&mut self, id: NotificationId) -> bool {
        let Some(Entry { arrival, state: State::Delayed(_), .. }) = self.entries.get(&id) else {
            return false;
        };
        if !arrival.scheduled {
            return false;
        }
        let name = arrival.line.clone();
        let mut line = self.lines.get(&name).into_iter().flatten();
        if line.any(|id| self.entries.get(id).is_some_and(|entry| entry.state == State::Running)) {
            return false;
        }
        self.forget_line(&name);
        true
    }

    fn forget_line(&mut self, name: &Line) {
        // From the back, so that none of them becomes the first.
        for id in self.lines.get(name).cloned().unwrap_or_default().into_iter().rev() {
            self.block(id);
            self.forget(id);
        }
        // The rest stays behind the first, and is read with it.
        self.torn(name, None);
    }

    /// The inbox has been told that these have come to their ends: whoever flushes it from now on finds them on the
    /// disk.
    pub fn told(&mut self, ids: &[NotificationId]) {
        for id in ids {
            self.untold.remove(id);
        }
    }

    /// Begins to note what comes to its end; what the disk cannot know yet counts as well. Says how much that is.
    pub fn note_ends(&mut self) -> usize {
        self.ended = Some(self.untold.clone());
        self.untold.len()
    }

    /// What has come to its end since [`Queue::note_ends`].
    pub fn noted_ends(&mut self) -> HashSet<NotificationId> {
        self.ended.take().unwrap_or_default()
    }

    /// Lets the first of a line run, if none of it is running.
    fn next_of_line(&mut self, id: NotificationId) {
        let Some(entry) = self.entries.get(&id) else { return };
        if let Some(first) = self.lines.get(&entry.arrival.line).and_then(VecDeque::front).copied() {
            self.unblock(first);
        }
    }

    /// Lets a notification run, now or at its time, if it is the first of its line, no other of it is running, and
    /// nothing holds it back.
    fn unblock(&mut self, id: NotificationId) {
        let Some(entry) = self.entries.get(&id) else { return };
        let Some(line) = self.lines.get(&entry.arrival.line) else { return };
        let running = |id| self.entries.get(id).is_some_and(|entry| entry.state == State::Running);
        let first = line.front() == Some(&id) && !line.iter().any(running);
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.state == State::Blocked) else {
            return;
        };
        let held = entry.arrival.message.is_some_and(|message| self.open.contains_key(&message));
        if !first || held {
            // It stays where it is.
        } else if let Some(at) = entry.arrival.not_before {
            entry.state = State::Delayed(at);
            self.delayed.insert((at, id));
        } else {
            entry.state = State::Ready;
            let company = entry.arrival.company.clone();
            let line = self.ready.entry(company.clone()).or_default();
            if line.is_empty() {
                self.turns.push_back(company);
            }
            line.push_back(id);
        }
    }

    fn block(&mut self, id: NotificationId) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        match entry.state {
            State::Ready => {
                if let Some(line) = self.ready.get_mut(&entry.arrival.company) {
                    line.retain(|other| *other != id);
                    if line.is_empty() {
                        self.ready.remove(&entry.arrival.company);
                        self.turns.retain(|company| *company != entry.arrival.company);
                    }
                }
            }
            State::Delayed(at) => {
                self.delayed.remove(&(at, id));
            }
            State::Blocked | State::Running => return,
        }
        entry.state = State::Blocked;
    }

    fn delay(&mut self, id: NotificationId, at: UnixMillis) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.arrival.not_before = Some(at);
            entry.arrival.scheduled = false;
        }
        self.next_of_line(id);
    }

    fn promote(&mut self, now: UnixMillis) {
        let due = |scheduled: Option<&Scheduled>| scheduled.copied().filter(|(at, _)| is_due(*at, now));
        while let Some((at, id)) = due(self.delayed.first()).or_else(|| due(self.delayed.last())) {
            self.delayed.remove(&(at, id));
            if let Some(entry) = self.entries.get_mut(&id) {
                entry.arrival.not_before = None;
                entry.state = State::Blocked;
            }
            self.unblock(id);
        }
    }

    /// Takes out what has come to its end, and lets the next of its line run.
    fn remove(&mut self, id: NotificationId) {
        self.untold.insert(id);
        if let Some(ended) = &mut self.ended {
            ended.insert(id);
        }
        if let Some(next) = self.forget(id) {
            self.unblock(next);
        }
    }

    /// Takes a notification out; says which is the first of its line now.
    fn forget(&mut self, id: NotificationId) -> Option<NotificationId> {
        let entry = self.entries.remove(&id)?;
        self.weight -= weight(&entry.arrival.form);
        if let Some(message) = entry.arrival.message
            && let Some(own) = self.own.get_mut(&message)
        {
            own.retain(|other| *other != id);
            if own.is_empty() {
                self.own.remove(&message);
            }
        }
        let name = entry.arrival.line;
        let line = self.lines.get_mut(&name)?;
        line.retain(|other| *other != id);
        let next = line.front().copied();
        if next.is_none() {
            self.lines.remove(&name);
            if self.torn.contains_key(&name) {
                self.short.insert(name);
            }
        }
        next
    }

    /// Whether it stays on the disk, behind what of its line is in memory.
    fn stays_behind(&mut self, arrival: &Arrival) -> bool {
        if self.torn.get(&arrival.line).is_some_and(|behind| arrival.id > *behind) {
            return true;
        }
        let Some(last) = self.lines.get(&arrival.line).and_then(|line| {
            let last = line.back().copied();
            last.filter(|last| self.longest_line.is_some_and(|most| line.len() >= most) && arrival.id > *last)
        }) else {
            return false;
        };
        self.torn(&arrival.line, Some(last));
        true
    }
}

/// Whether the time has come; also when it lies further in the future than anything is ever delayed, because then the
/// clock was set back.
pub(super) fn is_due(at: UnixMillis, now: UnixMillis) -> bool {
    at <= now || at > now.plus(LONGEST_DELAY)
}

/// 1 s doubling to 10 min, and up to a fifth more, so that what failed together does not come back together. The
/// jitter follows from number and attempt: no randomness to inject.
fn retry_delay(id: NotificationId, attempts: u32) -> Duration {
    let base = FIRST_RETRY.saturating_mul(1 << attempts.saturating_sub(1).min(16)).min(LAST_RETRY);
    let mixed = (id.0.cast_unsigned().wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(attempts))
        .wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let fifth = base / 5;
    base + fifth * u32::try_from((mixed >> 40) % 1000).unwrap_or(0) / 1000
}

#[cfg(test)]
mod tests;
