//! How much of what waits is in memory: a window of bounded weight, and two marks that say where the rest begins.
//!
//! ```text
//! never tried, by number:    ……… in memory ………│cursor│ on the disk ………►
//! tried again, by its time:  ……… in memory ………│horizon│ on the disk ………►
//! ```
//!
//! As long as everything fits, nothing is read from the disk: what the inbox announces goes straight into the
//! [`Queue`]. When it does not, announcements only say that there is more, and pieces are read behind the marks as the
//! queue empties. What is delayed gives way to what can run.
//!
//! The order of a line holds: a notification that is read while earlier ones of its line wait on the disk stays there
//! with them, and is read together with the first of them. Of a long line only the first few are read; the rest follows
//! when they are over.
//!
//! What is read may be out of date by what happened meanwhile in memory. So marks are flushed before reading, ends
//! are noted while reading, and what came during the reading is read again.

use std::collections::HashSet;
use std::time::Duration;

use crate::base::{AppId, NotificationId, UnixMillis};
use crate::pipeline::queue::{Arrival, Queue, is_due};
use crate::store::{Ledger, Line, Piece, Scheduled, Source, StoreError, Waiting, weight};

/// How long reading waits after it failed.
const PAUSE: Duration = Duration::from_secs(1);

/// How many of a line may be in memory, of which `most` bytes are for all: so few that a conversation does not fill it,
/// and more than a message has statuses.
pub(super) fn longest_line(most: usize) -> usize {
    (most >> 16).clamp(1, 64)
}

/// What of an application's waiting notifications is in memory.
#[derive(Debug)]
pub(super) struct Window {
    /// What may be in memory at most, in bytes.
    most: usize,
    /// What came so has no action any more: it goes on waiting on the disk, and stands in nobody's way.
    idle: Vec<Source>,
    /// Everything that was never tried is in memory up to this number, or stays behind an earlier one of its line.
    cursor: NotificationId,
    /// Whether there is more behind the cursor.
    behind: bool,
    /// Everything that is tried again is in memory up to here; `None`: all of it is.
    horizon: Option<Scheduled>,
    /// While somebody is reading.
    reading: Option<Meanwhile>,
    /// After a failure: not before.
    not_before: Option<UnixMillis>,
}

/// What happened while somebody was reading.
#[derive(Debug, Default)]
struct Meanwhile {
    came: Vec<Arrival>,
    weight: usize,
    /// More came than is worth keeping.
    overflowed: bool,
    reached_back: bool,
    /// There are actions for what was idle.
    reopened: bool,
}

/// What is to be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Order {
    /// Never tried, behind this number.
    fresh: Option<NotificationId>,
    /// How many earlier ones of the same line have to be known, so that one of them is not over; 0: none is on the disk.
    earlier: usize,
    /// Tried again, behind this.
    scheduled: Option<Scheduled>,
    /// The rest of lines, behind these.
    rest: Vec<(Line, NotificationId)>,
    /// How many of a line.
    of_line: usize,
    /// Bytes of each at most.
    most: usize,
}

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Delivery {
    /// Each with the numbers of earlier ones of its line that wait.
    fresh: Vec<(Waiting, Vec<NotificationId>)>,
    scheduled: Vec<Waiting>,
    /// With what is scheduled, the beginnings of its lines.
    lines: Vec<(Line, Piece)>,
    /// What follows in lines that were read to some number before.
    rest: Vec<(Line, Piece)>,
    fresh_is_last: bool,
    scheduled_is_last: bool,
}

/// Before all that is tried again.
const BEGINNING: Scheduled = (UnixMillis(i64::MIN), NotificationId(0));

impl Window {
    /// Nothing is in memory yet, and what is on the disk is read from the beginning, but for what is `idle`.
    pub(super) fn open(most: usize, idle: Vec<Source>) -> Self {
        Self { idle, behind: true, horizon: Some(BEGINNING), ..Self::shut(most) }
    }

    /// Nothing is in memory, and nothing is read.
    pub(super) fn shut(most: usize) -> Self {
        Self {
            most,
            idle: Vec::new(),
            cursor: NotificationId(0),
            behind: false,
            horizon: None,
            reading: None,
            not_before: None,
        }
    }

    /// From now on only this is idle. What was idle and is not any more has been left to the disk, wherever it stood: all
    /// is read again from the beginning, and what is in memory already is known there.
    pub(super) fn is_idle_for(&mut self, idle: Vec<Source>) {
        let was = std::mem::replace(&mut self.idle, idle);
        if was.iter().any(|source| !self.idle.contains(source)) {
            if let Some(meanwhile) = &mut self.reading {
                meanwhile.reopened = true;
            }
            self.begin_anew();
        }
    }

    fn begin_anew(&mut self) {
        (self.cursor, self.behind, self.horizon) = (NotificationId(0), true, Some(BEGINNING));
    }

    /// The inbox has announced these, in the order of arrival: they go into the queue, or are read later.
    pub(super) fn announced(&mut self, arrivals: Vec<Arrival>, queue: &mut Queue) {
        for arrival in arrivals {
            if arrival.id <= self.cursor {
                continue; // it was read already
            }
            if self.idle.contains(&arrival.source) {
                continue; // it stays on the disk
            }
            if let Some(meanwhile) = &mut self.reading {
                meanwhile.weight += weight(&arrival.form);
                meanwhile.overflowed |= meanwhile.weight > self.most / 4;
                if !meanwhile.overflowed {
                    meanwhile.came.push(arrival);
                }
                continue;
            }
            self.behind |= self.horizon.is_some() || queue.weight() >= self.most;
            if !self.behind {
                self.cursor = arrival.id;
                queue.arrive(arrival);
            }
        }
    }

    /// What has just become due on the disk, without being in memory: everything that is tried again from `at` on is
    /// read anew.
    pub(super) fn reaches_back_to(&mut self, at: UnixMillis) {
        let before = (UnixMillis(at.0 - 1), NotificationId(i64::MAX));
        self.horizon = Some(self.horizon.map_or(before, |horizon| horizon.min(before)));
        if let Some(meanwhile) = &mut self.reading {
            meanwhile.reached_back = true;
        }
    }

    /// The row of a delayed notification says when it is tried again; behind the horizon it stays on the disk.
    pub(super) fn recorded(&mut self, id: NotificationId, at: UnixMillis, queue: &mut Queue) {
        queue.recorded(id);
        // Not while somebody reads: what was read does not know of it.
        if self.reading.is_none() && self.horizon.is_some_and(|horizon| (at, id) > horizon) {
            queue.leave_line(id);
        }
    }

    /// When there is something to read that is not due now.
    pub(super) fn next_due(&self, queue: &Queue) -> Option<UnixMillis> {
        if self.reading.is_some() || self.is_full(queue) {
            return None;
        }
        let due = self.horizon.map(|(at, _)| at);
        let wanted = if self.has_next(queue) { Some(UnixMillis(i64::MIN)) } else { due };
        wanted.map(|at| self.not_before.map_or(at, |pause| at.max(pause)))
    }

    /// Whether there is something to read now.
    pub(super) fn wants(&self, queue: &Queue, now: UnixMillis) -> bool {
        let paused = self.not_before.is_some_and(|at| at > now && at <= now.plus(PAUSE));
        let waits_to_give_way = self.has_next(queue) && queue.next_due().is_some();
        self.reading.is_none()
            && !paused
            && (self.has_next(queue) || self.wanted_scheduled(queue, now).is_some())
            && (!self.is_full(queue) || waits_to_give_way && !queue.has_ready(now))
    }

    /// Whether there is something on the disk that could run before what is delayed in memory. What is tried again is
    /// none of it, also where the clock was set back and it is due: what of it is in memory lies before the horizon, and
    /// would have to be read again first.
    fn has_next(&self, queue: &Queue) -> bool {
        self.behind || has_short(queue)
    }

    /// From where on what is tried again is to be read: when it is due, or when nothing else is delayed or behind. What
    /// is not due would only have to give way again.
    fn wanted_scheduled(&self, queue: &Queue, now: UnixMillis) -> Option<Scheduled> {
        let alone = !self.has_next(queue) && queue.next_due().is_none();
        self.horizon.filter(|(at, _)| alone || is_due(*at, now))
    }

    fn is_full(&self, queue: &Queue) -> bool {
        queue.weight() > self.most / 2
    }

    /// Begins to read, if there is room; [`Window::done`] ends it.
    pub(super) fn begin(&mut self, queue: &mut Queue, now: UnixMillis) -> Option<Order> {
        if self.has_next(queue) && self.is_full(queue) {
            // What can run goes before what is delayed.
            if let Some((at, id)) = queue.leave(self.most / 4, now) {
                self.horizon =
                    Some(self.horizon.map_or((at, before(id)), |horizon| horizon.min((at, before(id)))));
            }
            if self.is_full(queue) {
                self.not_before = Some(now.plus(PAUSE));
                return None;
            }
        }
        self.reading = Some(Meanwhile::default());
        let untold = queue.note_ends();
        let mut rest: Vec<_> = queue.short().map(|(line, behind)| (line.clone(), behind)).collect();
        rest.sort_by_key(|(_, behind)| *behind); // what has waited for longest first
        Some(Order {
            fresh: self.behind.then_some(self.cursor),
            // Only the first of a line has attempts, so only with it the others can be on the disk. What ends while it is
            // read was in memory, and its line with it: of what waits by the disk and is over, nothing but `untold` may
            // have something behind it that is not.
            earlier: if self.horizon.is_some() { untold + 1 } else { 0 },
            scheduled: self.wanted_scheduled(queue, now),
            rest,
            of_line: queue.longest_line(),
            most: self.most / 4,
        })
    }

    /// Ends what [`Window::begin`] began.
    pub(super) fn done(
        &mut self,
        order: &Order,
        delivery: Result<Delivery, StoreError>,
        queue: &mut Queue,
        now: UnixMillis,
    ) {
        let meanwhile = self.reading.take().unwrap_or_default();
        let ended = queue.noted_ends();
        match delivery {
            // What was read knows nothing of what lies before it, without an action until now.
            _ if meanwhile.reopened => self.begin_anew(),
            Ok(delivery) => {
                self.not_before = None;
                self.take_in(order, delivery, meanwhile.reached_back, &ended, queue);
            }
            Err(error) => {
                tracing::error!(%error, "what waits cannot be read: again in a second");
                self.not_before = Some(now.plus(PAUSE));
            }
        }
        self.behind |= meanwhile.overflowed;
        self.announced(meanwhile.came, queue);
    }

    fn take_in(
        &mut self,
        order: &Order,
        delivery: Delivery,
        reached_back: bool,
        ended: &HashSet<NotificationId>,
        queue: &mut Queue,
    ) {
        if order.scheduled.is_some() && !reached_back {
            let last =
                delivery.scheduled.last().and_then(|last| Some((last.next_attempt_at?, last.accepted.id)));
            self.horizon = last.filter(|_| !delivery.scheduled_is_last);
        }
        for (line, piece) in delivery.lines {
            let is_known = queue.knows_line(&line);
            let (rows, behind) = self.part_of_line(piece);
            if !is_known {
                queue.torn(&line, behind);
            }
            self.arrive(rows, ended, queue);
        }
        self.arrive(delivery.scheduled, ended, queue);
        for (line, piece) in delivery.rest {
            let (rows, behind) = self.part_of_line(piece);
            queue.torn(&line, behind);
            self.arrive(rows, ended, queue);
        }
        if order.fresh.is_none() {
            return;
        }
        if let Some((last, _)) = delivery.fresh.last() {
            self.cursor = last.accepted.id;
        }
        self.behind = !delivery.fresh_is_last;
        for (waiting, earlier) in delivery.fresh {
            let follows = earlier.iter().any(|id| !ended.contains(id));
            if queue.knows_line(&waiting.accepted.line) || !follows {
                self.arrive([waiting], ended, queue);
            }
        }
    }

    /// Of a piece of a line what belongs into memory now, and behind which number the line goes on on the disk. What lies
    /// behind the cursor comes by itself: its announcement would find it known, or over.
    fn part_of_line(&self, piece: Piece) -> (Vec<Waiting>, Option<NotificationId>) {
        let comes =
            |waiting: &Waiting| waiting.next_attempt_at.is_none() && waiting.accepted.id > self.cursor;
        let last = piece.rows.last().map(|last| last.accepted.id);
        let has_rest = !piece.is_last && piece.rows.iter().all(|row| self.has_action(row) && !comes(row));
        let rows = piece.rows.into_iter().filter(|waiting| !comes(waiting)).collect();
        (rows, last.filter(|_| has_rest))
    }

    fn arrive(
        &self,
        rows: impl IntoIterator<Item = Waiting>,
        ended: &HashSet<NotificationId>,
        queue: &mut Queue,
    ) {
        for waiting in rows {
            if self.has_action(&waiting) && !ended.contains(&waiting.accepted.id) {
                queue.arrive(arrival(waiting));
            }
        }
    }

    fn has_action(&self, waiting: &Waiting) -> bool {
        !self.idle.contains(&waiting.accepted.source)
    }
}

fn has_short(queue: &Queue) -> bool {
    queue.short().next().is_some()
}

/// The number before this one.
fn before(id: NotificationId) -> NotificationId {
    NotificationId(id.0 - 1)
}

impl Order {
    /// Reads it.
    pub(super) fn read(&self, ledger: &Ledger, app: &AppId) -> Result<Delivery, StoreError> {
        let mut delivery = Delivery { fresh_is_last: true, scheduled_is_last: true, ..Delivery::default() };
        if let Some(after) = self.scheduled {
            let piece = ledger.scheduled(app, after, self.most)?;
            delivery.scheduled_is_last = piece.is_last;
            let (mut weight, mut seen) = (0, HashSet::new());
            for waiting in piece.rows {
                let line = &waiting.accepted.line;
                if seen.insert(line.clone()) {
                    if weight > 0 && weight >= self.most {
                        delivery.scheduled_is_last = false;
                        break;
                    }
                    let beginning = ledger.waiting_of(app, line, NotificationId(0), self.of_line)?;
                    weight += weight_of(&beginning);
                    delivery.lines.push((line.clone(), beginning));
                }
                delivery.scheduled.push(waiting);
            }
        }
        let mut weight = 0;
        for (line, behind) in &self.rest {
            if weight == 0 || weight < self.most {
                let piece = ledger.waiting_of(app, line, *behind, self.of_line)?;
                weight += weight_of(&piece);
                delivery.rest.push((line.clone(), piece));
            }
        }
        if let Some(after) = self.fresh {
            let piece = ledger.fresh(app, after, self.most)?;
            delivery.fresh_is_last = piece.is_last;
            for waiting in piece.rows {
                let Waiting { accepted, .. } = &waiting;
                let earlier = match self.earlier {
                    0 => Vec::new(),
                    most => ledger.waiting_before(app, &accepted.line, accepted.id, most)?,
                };
                delivery.fresh.push((waiting, earlier));
            }
        }
        Ok(delivery)
    }
}

fn weight_of(piece: &Piece) -> usize {
    piece.rows.iter().map(Waiting::weight).sum()
}

fn arrival(waiting: Waiting) -> Arrival {
    Arrival {
        id: waiting.accepted.id,
        company: waiting.accepted.company,
        line: waiting.accepted.line,
        message: waiting.accepted.message,
        form: waiting.accepted.form,
        source: waiting.accepted.source,
        attempts: waiting.attempts,
        kills: waiting.kills,
        not_before: waiting.next_attempt_at,
        recovered: true,
        scheduled: waiting.next_attempt_at.is_some(),
        generation: waiting.generation,
    }
}

#[cfg(test)]
mod tests;
