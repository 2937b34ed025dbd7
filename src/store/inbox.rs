//! The inbox: the one thread that writes `host.db`.
//!
//! ```text
//! callbacks ─┐                       ┌─► acknowledgements (204)
//! runs ended ┼─► channel ─► COMMIT ──┼─► the pipeline hears of what is new
//! sends      ┘   (bounded)           └─► sends may leave
//! ```
//!
//! Whatever waits is committed as one batch; nothing lingers for company, because while one COMMIT is on its way
//! the next batch gathers by itself. Marks of ended runs are in no hurry (the application's own database already
//! knows): they ride along with the next batch, or go after [`MARKS_LINGER`].
//!
//! When a COMMIT fails, nobody knows what is on the disk. Every waiting caller gets an error (Twilio a 503), the
//! connection is given up, and before anything is acknowledged again the database is opened anew, what its log
//! holds is written into the database itself, and the pipeline is told of the rows that it has not heard of.
//!
//! What is past its time is deleted here too, a few rows at a time, while nothing waits ([`Inbox::sweep`]).

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::base::stage::{self, Thread};
use crate::base::{AppId, MessageId, NotificationId, UnixMillis, schedule};
use crate::store::accounts::{bring_key, forget_keys, judge_key, sealed_keys, sealed_keys_of};
use crate::store::fences::{Fence, write_fence};
use crate::store::forget::{Erasure, erase};
use crate::store::host_db::commit;
use crate::store::polls::write_polled;
use crate::store::records::{Accepted, Finished, NewMessage, NewNotification, Receipt, SendRecord};
use crate::store::replay::{ReplayOrder, Replayed, replay};
use crate::store::settlement::write_settlement;
use crate::store::sweep::Sweep;
use crate::store::waiting::waiting_after;
use crate::store::writes::{withdraw_message, write_finished, write_message, write_notification, write_send};
use crate::store::{
    BroughtKey, CutOffs, ForgetKeys, HostDb, KeyPlace, KeyRing, KeyVerdict, PollBell, Polled, Settled,
    Settlement, StoreError, Swept, ledger,
};

/// How many commands may wait; more is answered with an error at once, because the disk is the bottleneck then.
const CAPACITY: usize = 8192;
/// The largest batch of one COMMIT.
const BATCH: usize = 512;
/// How long marks of ended runs wait for company.
const MARKS_LINGER: Duration = Duration::from_millis(50);

/// The writer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxClosed;

/// What is durable now and concerns the pipeline.
#[derive(Debug)]
pub enum News {
    /// New notifications that wait for an action, in the order of arrival.
    Accepted(Vec<Accepted>),
    /// Dead notifications of this application may run again from then on.
    Replayed(AppId, UnixMillis),
}

enum Command {
    Receive(Box<NewNotification>, oneshot::Sender<Result<Receipt, StoreError>>),
    Finish(Vec<Finished>),
    OpenMessage(Box<NewMessage>, Option<Arc<BroughtKey>>, oneshot::Sender<Result<(), StoreError>>),
    JudgeKey(Arc<BroughtKey>, KeyVerdict, UnixMillis),
    ForgetKeys(ForgetKeys, oneshot::Sender<Result<usize, StoreError>>),
    CloseMessage(Box<SendRecord>),
    WithdrawMessage(MessageId),
    Poll(Vec<Polled>, oneshot::Sender<Result<(), StoreError>>),
    Settle(Box<Settlement>, oneshot::Sender<Result<Settled, StoreError>>),
    MarkDone(NotificationId),
    Fence(Box<Fence>, UnixMillis, oneshot::Sender<Result<bool, StoreError>>),
    Replay(ReplayOrder, UnixMillis, oneshot::Sender<Result<Replayed, StoreError>>),
    Erase(Box<Erasure>, oneshot::Sender<Result<(), StoreError>>),
    Flush(oneshot::Sender<Result<(), StoreError>>),
    Sweep(CutOffs, oneshot::Sender<Result<Swept, StoreError>>),
}

/// The way to the writer thread.
#[derive(Debug)]
pub struct Inbox {
    commands: SyncSender<Command>,
    bell: Arc<PollBell>,
    keys: KeyRing,
}

impl Clone for Inbox {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone(), bell: Arc::clone(&self.bell), keys: self.keys.clone() }
    }
}

impl Inbox {
    /// Starts the writer thread over an open database; `announce` is called on it, after each COMMIT, with what is
    /// new and waits for an action. The thread ends when the last [`Inbox`] is dropped.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start(
        db: HostDb,
        file: PathBuf,
        announce: impl Fn(News) + Send + 'static,
    ) -> std::io::Result<(Self, Thread)> {
        Self::start_with_keys(db, file, KeyRing::default(), announce)
    }

    /// As [`Inbox::start`], and what becomes of the keys that actions bring along is put into `keys`, before anybody hears
    /// that it is durable.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn start_with_keys(
        db: HostDb,
        file: PathBuf,
        keys: KeyRing,
        announce: impl Fn(News) + Send + 'static,
    ) -> std::io::Result<(Self, Thread)> {
        let (commands, queue) = sync_channel(CAPACITY);
        let last_announced = ledger::last_notification(&db.connection).unwrap_or(0);
        let writer = Writer {
            db: Some(db),
            file,
            announce: Box::new(announce),
            marks: Vec::new(),
            kept: Vec::new(),
            sweep: Sweep::default(),
            replays_in_doubt: Vec::new(),
            keys: keys.clone(),
            last_announced,
        };
        let thread = stage::spawn("inbox", move || writer.run(&queue))?;
        Ok((Self { commands, bell: Arc::default(), keys }, thread))
    }

    /// Keeps a notification; answers once it is durable.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be stored: then nothing may be acknowledged.
    pub async fn receive(&self, notification: NewNotification) -> Result<Receipt, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.try_send(Command::Receive(Box::new(notification), reply))?;
        answer.await.map_err(|_| gone())?
    }

    /// Records ends of attempts, in no hurry.
    ///
    /// # Errors
    /// [`InboxClosed`] when the writer is gone.
    pub fn finish(&self, finished: Vec<Finished>) -> Result<(), InboxClosed> {
        self.commands.send(Command::Finish(finished)).map_err(|_| InboxClosed)
    }

    /// Records that a notification turned out to be done already.
    ///
    /// # Errors
    /// [`InboxClosed`] when the writer is gone.
    pub fn mark_done(&self, notification: NotificationId) -> Result<(), InboxClosed> {
        self.commands.send(Command::MarkDone(notification)).map_err(|_| InboxClosed)
    }

    /// Records that a message is about to leave; returns once that is durable. Blocks the calling thread.
    ///
    /// # Errors
    /// [`StoreError`]: then the message must not leave.
    pub fn open_message(&self, message: NewMessage) -> Result<(), StoreError> {
        self.open_message_with(message, None)
    }

    /// As [`Inbox::open_message`], with the key that the action brought along: it counts for callbacks from then on.
    ///
    /// # Errors
    /// [`StoreError`]: then the message must not leave.
    pub fn open_message_with(
        &self,
        message: NewMessage,
        key: Option<Arc<BroughtKey>>,
    ) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let due = schedule::first_poll(message.at);
        self.commands.send(Command::OpenMessage(Box::new(message), key, reply)).map_err(|_| gone())?;
        let opened = stage::answer(answer).ok_or_else(gone).flatten();
        self.bell.ring(due); // also after a COMMIT that failed: it may have taken effect
        opened
    }

    /// Records what Twilio said of a key that an action brought along.
    ///
    /// # Errors
    /// [`InboxClosed`] when the writer is gone.
    pub fn judge_key(
        &self,
        key: Arc<BroughtKey>,
        verdict: KeyVerdict,
        at: UnixMillis,
    ) -> Result<(), InboxClosed> {
        self.commands.send(Command::JudgeKey(key, verdict, at)).map_err(|_| InboxClosed)
    }

    /// Forgets keys that actions brought along; answers with how many once that is durable.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be recorded.
    pub async fn forget_keys(&self, forget: ForgetKeys) -> Result<usize, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.try_send(Command::ForgetKeys(forget, reply))?;
        answer.await.map_err(|_| gone())?
    }

    /// The keys that actions have brought along.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Takes a message back that has certainly not left.
    ///
    /// # Errors
    /// [`InboxClosed`] when the writer is gone.
    pub fn withdraw_message(&self, message: MessageId) -> Result<(), InboxClosed> {
        self.commands.send(Command::WithdrawMessage(message)).map_err(|_| InboxClosed)
    }

    /// Records what came of asking Twilio; returns once that is durable. Blocks the calling thread.
    ///
    /// # Errors
    /// [`StoreError`]: then nothing of it is recorded, and the messages are due as before.
    pub fn record_polls(&self, polled: Vec<Polled>) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Poll(polled, reply)).map_err(|_| gone())?;
        stage::answer(answer).ok_or_else(gone)?
    }

    /// Records a person's word on a message in doubt; answers once that is durable.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be recorded.
    pub async fn settle(&self, settlement: Settlement) -> Result<Settled, StoreError> {
        let (reply, answer) = oneshot::channel();
        let now = settlement.at;
        self.try_send(Command::Settle(Box::new(settlement), reply))?;
        let settled = answer.await.map_err(|_| gone())??;
        self.bell.ring(now);
        Ok(settled)
    }

    /// Changes who is written to; `false`: it was so already. Answers once that is durable.
    ///
    /// # Errors
    /// [`StoreError`] when it could not be recorded.
    pub async fn fence(&self, fence: Fence, at: UnixMillis) -> Result<bool, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.try_send(Command::Fence(Box::new(fence), at, reply))?;
        answer.await.map_err(|_| gone())?
    }

    /// What is rung when a message becomes due to be asked for.
    #[must_use]
    pub fn poll_bell(&self) -> &Arc<PollBell> {
        &self.bell
    }

    /// Records what became of a send.
    ///
    /// # Errors
    /// [`InboxClosed`] when the writer is gone.
    pub fn close_message(&self, record: SendRecord) -> Result<(), InboxClosed> {
        self.commands.send(Command::CloseMessage(Box::new(record))).map_err(|_| InboxClosed)
    }

    /// Has dead notifications run again at `now`. Blocks the calling thread.
    ///
    /// # Errors
    /// [`StoreError`] when that could not be stored.
    pub fn replay(&self, order: ReplayOrder, now: UnixMillis) -> Result<Replayed, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Replay(order, now, reply)).map_err(|_| gone())?;
        stage::answer(answer).ok_or_else(gone)?
    }

    /// Erases a few rows about a person; returns once that is durable. Blocks the calling thread.
    ///
    /// # Errors
    /// [`StoreError`] when that failed.
    pub fn erase(&self, erasure: Erasure) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Erase(Box::new(erasure), reply)).map_err(|_| gone())?;
        stage::answer(answer).ok_or_else(gone)?
    }

    /// Returns once everything that was handed over before is durable. Blocks the calling thread.
    ///
    /// # Errors
    /// [`StoreError`] when that failed.
    pub fn flush(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Flush(reply)).map_err(|_| gone())?;
        stage::answer(answer).ok_or_else(gone)?
    }

    /// Deletes what is past its time, a few rows at a time, while nothing else waits; answers when that is done.
    ///
    /// # Errors
    /// [`StoreError`] when it failed; the next sweep goes on.
    pub async fn sweep(&self, cut: CutOffs) -> Result<Swept, StoreError> {
        let (reply, answer) = oneshot::channel();
        self.try_send(Command::Sweep(cut, reply))?;
        answer.await.map_err(|_| gone())?
    }

    fn try_send(&self, command: Command) -> Result<(), StoreError> {
        // Called on the thread that serves HTTP: it must never block.
        self.commands.try_send(command).map_err(|error| match error {
            TrySendError::Full(_) => {
                StoreError::Unavailable("too many notifications wait for the disk".into())
            }
            TrySendError::Disconnected(_) => gone(),
        })
    }
}

fn gone() -> StoreError {
    StoreError::Unavailable("the host is stopping".into())
}

/// The callers that wait for a COMMIT.
#[derive(Default)]
struct Waiters {
    receipts: Vec<(oneshot::Sender<Result<Receipt, StoreError>>, Receipt)>,
    settlements: Vec<(oneshot::Sender<Result<Settled, StoreError>>, Settled)>,
    replays: Vec<(oneshot::Sender<Result<Replayed, StoreError>>, Replayed)>,
    fences: Vec<(oneshot::Sender<Result<bool, StoreError>>, bool)>,
    forgotten: Vec<(oneshot::Sender<Result<usize, StoreError>>, usize)>,
    others: Vec<oneshot::Sender<Result<(), StoreError>>>,
}

struct Writer {
    db: Option<HostDb>,
    file: PathBuf,
    announce: Box<dyn Fn(News) + Send>,
    /// Not yet durable; kept over a failed COMMIT.
    marks: Vec<Finished>,
    /// What nobody waits for and must not be lost either: outcomes of sends, verdicts on keys. Kept over a failed COMMIT.
    kept: Vec<Work>,
    /// What is past its time, and who waits for the end of its deletion.
    sweep: Sweep,
    /// Replays whose COMMIT failed: they may have taken effect all the same.
    replays_in_doubt: Vec<(AppId, UnixMillis)>,
    /// What actions have brought along, in memory.
    keys: KeyRing,
    last_announced: i64,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Command>) {
        let mut marks_due: Option<Instant> = None;
        loop {
            let first = if self.sweep.is_on() {
                // Nobody waits: time to tidy up, unless marks are due.
                match queue.try_recv() {
                    Ok(command) => Some(command),
                    Err(TryRecvError::Empty) if marks_due.is_some_and(|due| due <= Instant::now()) => None,
                    Err(TryRecvError::Empty) => {
                        self.sweep_on();
                        continue;
                    }
                    Err(TryRecvError::Disconnected) => break,
                }
            } else {
                match stage::receive(queue, marks_due) {
                    Ok(command) => Some(command),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            };
            let due = first.is_none();
            let mut urgent = Vec::new();
            for command in first.into_iter().chain(queue.try_iter().take(BATCH)) {
                match command {
                    Command::Finish(finished) => self.marks.extend(finished),
                    Command::Sweep(cut, reply) => self.sweep.begin(cut, reply),
                    other => urgent.push(other),
                }
            }
            if urgent.is_empty() && !due && self.marks.len() < BATCH {
                if !self.marks.is_empty() {
                    marks_due.get_or_insert_with(|| Instant::now() + MARKS_LINGER);
                }
                continue;
            }
            marks_due = None;
            self.commit(urgent);
            // Rows in doubt are found and announced when the database is opened anew, also if nothing more arrives.
            if !self.marks.is_empty() || !self.kept.is_empty() || self.db.is_none() {
                marks_due = Some(Instant::now() + MARKS_LINGER.saturating_mul(20));
            }
            if self.sweep.is_overdue() {
                self.sweep_on();
            }
        }
        if !self.marks.is_empty() || !self.kept.is_empty() {
            self.commit(Vec::new());
        }
        // SQLite empties the log when the last connection closes, unless that is a reader's: after a clean stop all is
        // in the database itself, for those who copy the file.
        if let Some(db) = &self.db {
            let _ = db.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }

    fn commit(&mut self, commands: Vec<Command>) {
        let (new, mut waiters) = split(commands);
        let mut work = std::mem::take(&mut self.kept);
        work.extend(new);
        let arriving = work.iter().any(|item| matches!(item, Work::Receive(_)));
        let mut accepted = Vec::new();
        let mut replayed = Vec::new();
        let mut places = BTreeSet::new();
        let marks = std::mem::take(&mut self.marks);
        let result = self
            .healthy()
            .and_then(|db| write(db, &work, &marks, &mut waiters, &mut accepted, &mut replayed, &mut places));
        match result {
            Ok(()) => {
                self.put_keys(places);
                if arriving {
                    stage::reach("notification-committed");
                }
                if let Some(last) = accepted.last() {
                    self.last_announced = last.id.0;
                }
                if !accepted.is_empty() {
                    (self.announce)(News::Accepted(accepted));
                }
                for (app, at) in replayed {
                    (self.announce)(News::Replayed(app, at));
                }
                for (reply, receipt) in waiters.receipts {
                    let _ = reply.send(Ok(receipt));
                }
                for (reply, settled) in waiters.settlements {
                    let _ = reply.send(Ok(settled));
                }
                for (reply, replayed) in waiters.replays {
                    let _ = reply.send(Ok(replayed));
                }
                for (reply, changed) in waiters.fences {
                    let _ = reply.send(Ok(changed));
                }
                for (reply, forgotten) in waiters.forgotten {
                    let _ = reply.send(Ok(forgotten));
                }
                for reply in waiters.others {
                    let _ = reply.send(Ok(()));
                }
            }
            Err(error) => {
                tracing::error!(%error, "host.db could not be written: nothing is acknowledged until it can");
                self.db = None;
                self.marks = marks;
                self.replays_in_doubt.append(&mut replayed);
                let kept = |item: &Work| {
                    matches!(
                        item,
                        Work::CloseMessage(_)
                            | Work::WithdrawMessage(_)
                            | Work::MarkDone(_)
                            | Work::JudgeKey(..)
                    )
                };
                self.kept = work.into_iter().filter(kept).collect();
                let again = || StoreError::Unavailable("host.db could not be written".into());
                for (reply, _) in waiters.receipts {
                    let _ = reply.send(Err(again()));
                }
                for (reply, _) in waiters.settlements {
                    let _ = reply.send(Err(again()));
                }
                for (reply, _) in waiters.replays {
                    let _ = reply.send(Err(again()));
                }
                for (reply, _) in waiters.fences {
                    let _ = reply.send(Err(again()));
                }
                for (reply, _) in waiters.forgotten {
                    let _ = reply.send(Err(again()));
                }
                for reply in waiters.others {
                    let _ = reply.send(Err(again()));
                }
            }
        }
    }

    /// Puts what is kept at these places into memory.
    fn put_keys(&mut self, places: BTreeSet<KeyPlace>) {
        for place in places {
            let Some(db) = &self.db else { return };
            match sealed_keys_of(&db.connection, &place) {
                Ok(keys) => self.keys.put(place, &keys),
                Err(error) => {
                    tracing::error!(%error, "keys could not be read back: host.db is opened again");
                    self.db = None;
                }
            }
        }
    }

    /// Deletes a few rows in a transaction of their own: a failure of it is nobody's but the sweep's.
    fn sweep_on(&mut self) {
        if self.healthy().is_err() {
            self.sweep.fail();
            return;
        }
        let Some(db) = &mut self.db else { return };
        if let Err(error) = self.sweep.step(&mut db.connection, &self.file) {
            tracing::error!(%error, "what is past its time could not be deleted from host.db");
            self.sweep.fail();
            self.db = None;
        }
    }

    /// The open database; after a failed COMMIT opened anew, with what was in doubt made durable anew.
    fn healthy(&mut self) -> Result<&mut HostDb, StoreError> {
        if self.db.is_none() {
            let db = HostDb::open(&self.file)?;
            renew(&db.connection)?;
            let found = waiting_after(&db.connection, NotificationId(self.last_announced))?;
            self.keys.put_all(sealed_keys(&db.connection)?); // some may have been written after all
            tracing::info!(found = found.len(), "host.db was opened again");
            if let Some(last) = found.last() {
                self.last_announced = last.accepted.id.0;
                (self.announce)(News::Accepted(found.into_iter().map(|waiting| waiting.accepted).collect()));
            }
            for (app, at) in self.replays_in_doubt.drain(..) {
                (self.announce)(News::Replayed(app, at));
            }
            self.db = Some(db);
        }
        self.db.as_mut().ok_or_else(gone)
    }
}

/// Writes what the log holds into the database, waits for the disk, and begins a new log: after an fsync that failed,
/// nobody knows which part of the old one is on the disk, and later parts of a log are worth nothing without the earlier.
fn renew(db: &rusqlite::Connection) -> Result<(), StoreError> {
    let in_the_way = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))?;
    if in_the_way {
        return Err(StoreError::Unavailable(
            "somebody reads host.db, so that its log cannot be renewed".into(),
        ));
    }
    Ok(())
}

/// What has to be written, apart from who waits for it.
enum Work {
    Receive(Box<NewNotification>),
    OpenMessage(Box<NewMessage>, Option<Arc<BroughtKey>>),
    JudgeKey(Arc<BroughtKey>, KeyVerdict, UnixMillis),
    ForgetKeys(ForgetKeys),
    CloseMessage(Box<SendRecord>),
    WithdrawMessage(MessageId),
    Poll(Vec<Polled>),
    Settle(Box<Settlement>),
    MarkDone(NotificationId),
    Fence(Box<Fence>, UnixMillis),
    Replay(ReplayOrder, UnixMillis),
    Erase(Box<Erasure>),
}

fn split(commands: Vec<Command>) -> (Vec<Work>, Waiters) {
    let mut waiters = Waiters::default();
    let mut work = Vec::with_capacity(commands.len());
    for command in commands {
        match command {
            Command::Receive(notification, reply) => {
                waiters.receipts.push((reply, Receipt::Repeat));
                work.push(Work::Receive(notification));
            }
            Command::OpenMessage(message, key, reply) => {
                waiters.others.push(reply);
                work.push(Work::OpenMessage(message, key));
            }
            Command::JudgeKey(key, verdict, at) => work.push(Work::JudgeKey(key, verdict, at)),
            Command::ForgetKeys(forget, reply) => {
                waiters.forgotten.push((reply, 0));
                work.push(Work::ForgetKeys(forget));
            }
            Command::CloseMessage(record) => work.push(Work::CloseMessage(record)),
            Command::WithdrawMessage(id) => work.push(Work::WithdrawMessage(id)),
            Command::Poll(polled, reply) => {
                waiters.others.push(reply);
                work.push(Work::Poll(polled));
            }
            Command::Settle(settlement, reply) => {
                waiters.settlements.push((reply, Settled::NoSuchMessage));
                work.push(Work::Settle(settlement));
            }
            Command::MarkDone(id) => work.push(Work::MarkDone(id)),
            Command::Fence(fence, at, reply) => {
                waiters.fences.push((reply, false));
                work.push(Work::Fence(fence, at));
            }
            Command::Replay(order, now, reply) => {
                waiters.replays.push((reply, Ok(Vec::new())));
                work.push(Work::Replay(order, now));
            }
            Command::Erase(erasure, reply) => {
                waiters.others.push(reply);
                work.push(Work::Erase(erasure));
            }
            Command::Flush(reply) => waiters.others.push(reply),
            Command::Finish(_) | Command::Sweep(..) => {} // taken out before
        }
    }
    (work, waiters)
}

fn write(
    db: &mut HostDb,
    work: &[Work],
    marks: &[Finished],
    waiters: &mut Waiters,
    accepted: &mut Vec<Accepted>,
    replayed: &mut Vec<(AppId, UnixMillis)>,
    places: &mut BTreeSet<KeyPlace>,
) -> Result<(), StoreError> {
    let transaction = db.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for finished in marks {
        write_finished(&transaction, finished)?;
    }
    let mut receipts = waiters.receipts.iter_mut();
    let mut settlements = waiters.settlements.iter_mut();
    let mut replays = waiters.replays.iter_mut();
    let mut fences = waiters.fences.iter_mut();
    let mut forgotten = waiters.forgotten.iter_mut();
    for item in work {
        match item {
            Work::Receive(notification) => {
                let receipt = write_notification(&transaction, notification, accepted)?;
                if let Some((_, slot)) = receipts.next() {
                    *slot = receipt;
                }
            }
            Work::Replay(order, now) => {
                let mut touched = Vec::new();
                let answer = replay(&transaction, order, *now, &mut touched)?;
                if let Some((_, slot)) = replays.next() {
                    *slot = answer;
                }
                replayed.extend(touched.into_iter().map(|app| (app, *now)));
            }
            Work::OpenMessage(message, key) => {
                write_message(&transaction, message)?;
                if let Some(key) = key {
                    bring_key(&transaction, key, message.at)?;
                    places.insert(key.place().clone());
                }
            }
            Work::JudgeKey(key, verdict, at) => {
                judge_key(&transaction, key, *verdict, *at)?;
                places.insert(key.place().clone());
            }
            Work::ForgetKeys(forget) => {
                let gone = forget_keys(&transaction, forget)?;
                if let Some((_, slot)) = forgotten.next() {
                    *slot = gone.len();
                }
                places.extend(gone);
            }
            Work::CloseMessage(record) => write_send(&transaction, record)?,
            Work::WithdrawMessage(id) => withdraw_message(&transaction, *id)?,
            Work::Poll(polled) => {
                for one in polled {
                    write_polled(&transaction, one, accepted)?;
                }
            }
            Work::Settle(settlement) => {
                let settled = write_settlement(&transaction, settlement)?;
                if let Some((_, slot)) = settlements.next() {
                    *slot = settled;
                }
            }
            Work::Erase(erasure) => erase(&transaction, erasure)?,
            Work::Fence(fence, at) => {
                let changed = write_fence(&transaction, fence, *at)?;
                if let Some((_, slot)) = fences.next() {
                    *slot = changed;
                }
            }
            Work::MarkDone(id) => {
                transaction
                    .prepare_cached(
                        "UPDATE notifications SET state = 'done', next_attempt_at = NULL WHERE id = ?",
                    )?
                    .execute([id.0])?;
            }
        }
    }
    if !accepted.is_empty() {
        stage::reach("notification-written");
    }
    commit("host-commit", || transaction.commit())
}

#[cfg(test)]
mod tests;
