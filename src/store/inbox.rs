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
//! connection is given up, and before anything is acknowledged again the database is opened anew, the rows in
//! doubt are written once more and committed, and the pipeline is told of those it has not heard of.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

use crate::base::{
    AccountSid, AppId, CompanyId, MessageId, MessageSid, MessageStatus, NotificationId, PhoneNumber,
    UnixMillis, failpoint,
};
use crate::store::{HostDb, StoreError, ledger};

/// How many commands may wait; more is answered with an error at once, because the disk is the bottleneck then.
const CAPACITY: usize = 8192;
/// The largest batch of one COMMIT.
const BATCH: usize = 512;
/// How long marks of ended runs wait for company.
const MARKS_LINGER: Duration = Duration::from_millis(50);

/// How a notification came to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Twilio called.
    Callback,
    /// The host asked Twilio.
    Poll,
}

impl Source {
    /// The word in the database and in `--json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Poll => "poll",
        }
    }
}

/// A notification that was verified and wants to be kept.
#[derive(Debug, Clone)]
pub struct NewNotification {
    /// The application that the URL names.
    pub app: AppId,
    /// The company that the URL names.
    pub company: CompanyId,
    /// Whose message it is.
    pub account: AccountSid,
    /// The message.
    pub message_sid: MessageSid,
    /// Twilio's word, whatever it is.
    pub status: MessageStatus,
    /// Twilio's error code, if it gave one.
    pub error_code: Option<String>,
    /// Its sentence, if it gave one.
    pub error_message: Option<String>,
    /// The host's id of the message, from the callback URL's `?message=`.
    pub message: Option<MessageId>,
    /// The form as it came.
    pub form: Bytes,
    /// How it came.
    pub source: Source,
    /// When.
    pub received_at: UnixMillis,
    /// Whether an action waits for it; without one it is done as soon as it is kept.
    pub has_action: bool,
}

impl NewNotification {
    /// The contract's key for deduplication, as 16 bytes of SHA-256 over the five parts, each with its length.
    fn key(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        let parts = [
            self.app.as_str(),
            self.company.as_str(),
            self.account.as_str(),
            self.message_sid.as_str(),
            self.status.as_str(),
        ];
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut key = [0; 16];
        key.copy_from_slice(&hash.finalize()[..16]);
        key
    }
}

/// What became of a notification that is durable now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It is new.
    New(NotificationId),
    /// It was there before.
    Repeat,
}

/// A durable notification, as the pipeline hears of it.
#[derive(Debug, Clone)]
pub struct Accepted {
    /// Its number.
    pub id: NotificationId,
    /// The application.
    pub app: AppId,
    /// The company.
    pub company: CompanyId,
    /// The message, in whose order it runs.
    pub message_sid: MessageSid,
    /// The host's id of the message, if the message is the host's.
    pub message: Option<MessageId>,
    /// What it says of the message.
    pub status: MessageStatus,
    /// The form as it came.
    pub form: Bytes,
}

/// What becomes of a notification after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Its effect is committed.
    Done,
    /// It is tried again.
    Retry {
        /// When.
        at: UnixMillis,
    },
    /// It is given up until somebody replays it.
    Dead,
}

/// The end of an attempt.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The notification and what becomes of it; none for a run that was started by hand.
    pub notification: Option<(NotificationId, Mark)>,
    /// Whether the attempt killed its worker.
    pub killed: bool,
    /// What `runs` shows.
    pub run: RunRecord,
}

/// The record of a run's last attempt.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// The application.
    pub app: AppId,
    /// The company.
    pub company: CompanyId,
    /// The action.
    pub action: String,
    /// The version of the scripts.
    pub script_version: String,
    /// How many attempts there were, this one included.
    pub attempts: u32,
    /// `completed`, or the typed reason.
    pub reason: &'static str,
    /// Processor time in microseconds.
    pub cpu_us: u64,
    /// Wall time in microseconds.
    pub wall_us: u64,
    /// Most JavaScript memory, bytes.
    pub peak_memory_bytes: u64,
    /// Calls of host functions.
    pub host_calls: u32,
    /// JSON of the failure.
    pub error: Option<String>,
    /// What the action returned, as text.
    pub result: Option<String>,
    /// Log lines, `level<TAB>text`.
    pub log: Option<String>,
    /// When the attempt began.
    pub started_at: UnixMillis,
}

/// A message that is about to be sent.
#[derive(Debug, Clone)]
pub struct NewMessage {
    /// The host's id.
    pub id: MessageId,
    /// The application.
    pub app: AppId,
    /// The company whose run sends it.
    pub company: CompanyId,
    /// The account that sends it.
    pub account: AccountSid,
    /// The notification whose run sends it.
    pub notification: Option<NotificationId>,
    /// To whom.
    pub to: PhoneNumber,
    /// From whom: `whatsapp:+1…` or a messaging service.
    pub from: String,
    /// When.
    pub at: UnixMillis,
}

/// What became of a send.
#[derive(Debug, Clone)]
pub struct SendRecord {
    /// The message.
    pub id: MessageId,
    /// Twilio's id, if there is one.
    pub sid: Option<MessageSid>,
    /// Twilio's status, or `failed`/`unknown`.
    pub status: MessageStatus,
    /// Twilio's code or the host's.
    pub error_code: Option<String>,
    /// A sentence.
    pub error_message: Option<String>,
    /// When.
    pub at: UnixMillis,
}

/// The writer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxClosed;

enum Command {
    Receive(Box<NewNotification>, oneshot::Sender<Result<Receipt, StoreError>>),
    Finish(Vec<Finished>),
    OpenMessage(Box<NewMessage>, oneshot::Sender<Result<(), StoreError>>),
    CloseMessage(Box<SendRecord>),
    MarkDone(NotificationId),
    Flush(oneshot::Sender<Result<(), StoreError>>),
}

/// The way to the writer thread.
#[derive(Debug)]
pub struct Inbox {
    commands: SyncSender<Command>,
}

impl Clone for Inbox {
    fn clone(&self) -> Self {
        Self { commands: self.commands.clone() }
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
        announce: impl Fn(Vec<Accepted>) + Send + 'static,
    ) -> std::io::Result<(Self, JoinHandle<()>)> {
        let (commands, queue) = sync_channel(CAPACITY);
        let last_announced = ledger::last_notification(&db.connection).unwrap_or(0);
        let writer = Writer {
            db: Some(db),
            file,
            announce: Box::new(announce),
            marks: Vec::new(),
            kept: Vec::new(),
            last_announced,
        };
        let thread = std::thread::Builder::new().name("inbox".into()).spawn(move || writer.run(&queue))?;
        Ok((Self { commands }, thread))
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
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::OpenMessage(Box::new(message), reply)).map_err(|_| gone())?;
        answer.blocking_recv().map_err(|_| gone())?
    }

    /// Records what became of a send.
    ///
    /// # Errors
    /// [`InboxClosed`] when the writer is gone.
    pub fn close_message(&self, record: SendRecord) -> Result<(), InboxClosed> {
        self.commands.send(Command::CloseMessage(Box::new(record))).map_err(|_| InboxClosed)
    }

    /// Returns once everything that was handed over before is durable. Blocks the calling thread.
    ///
    /// # Errors
    /// [`StoreError`] when that failed.
    pub fn flush(&self) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(Command::Flush(reply)).map_err(|_| gone())?;
        answer.blocking_recv().map_err(|_| gone())?
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
    others: Vec<oneshot::Sender<Result<(), StoreError>>>,
}

struct Writer {
    db: Option<HostDb>,
    file: PathBuf,
    announce: Box<dyn Fn(Vec<Accepted>) + Send>,
    /// Not yet durable; kept over a failed COMMIT.
    marks: Vec<Finished>,
    /// What nobody waits for and must not be lost either: outcomes of sends. Kept over a failed COMMIT.
    kept: Vec<Work>,
    last_announced: i64,
}

impl Writer {
    fn run(mut self, queue: &Receiver<Command>) {
        let mut marks_due: Option<Instant> = None;
        loop {
            let first = match marks_due {
                None => match queue.recv() {
                    Ok(command) => Some(command),
                    Err(_) => break,
                },
                Some(due) => match queue.recv_timeout(due.saturating_duration_since(Instant::now())) {
                    Ok(command) => Some(command),
                    Err(RecvTimeoutError::Timeout) => None,
                    Err(RecvTimeoutError::Disconnected) => break,
                },
            };
            let due = first.is_none();
            let mut urgent = Vec::new();
            for command in first.into_iter().chain(queue.try_iter().take(BATCH)) {
                match command {
                    Command::Finish(finished) => self.marks.extend(finished),
                    other => urgent.push(other),
                }
            }
            if urgent.is_empty() && !due && self.marks.len() < BATCH {
                marks_due.get_or_insert_with(|| Instant::now() + MARKS_LINGER);
                continue;
            }
            marks_due = None;
            self.commit(urgent);
            if !self.marks.is_empty() || !self.kept.is_empty() {
                marks_due = Some(Instant::now() + MARKS_LINGER.saturating_mul(20));
            }
        }
        if !self.marks.is_empty() || !self.kept.is_empty() {
            self.commit(Vec::new());
        }
    }

    fn commit(&mut self, commands: Vec<Command>) {
        let (new, mut waiters) = split(commands);
        let mut work = std::mem::take(&mut self.kept);
        work.extend(new);
        let arriving = work.iter().any(|item| matches!(item, Work::Receive(_)));
        let mut accepted = Vec::new();
        let marks = std::mem::take(&mut self.marks);
        let result = self.healthy().and_then(|db| write(db, &work, &marks, &mut waiters, &mut accepted));
        match result {
            Ok(()) => {
                if arriving {
                    failpoint::reach("notification-committed");
                }
                if let Some(last) = accepted.last() {
                    self.last_announced = last.id.0;
                }
                if !accepted.is_empty() {
                    (self.announce)(accepted);
                }
                for (reply, receipt) in waiters.receipts {
                    let _ = reply.send(Ok(receipt));
                }
                for reply in waiters.others {
                    let _ = reply.send(Ok(()));
                }
            }
            Err(error) => {
                tracing::error!(%error, "host.db could not be written: nothing is acknowledged until it can");
                self.db = None;
                self.marks = marks;
                let kept = |item: &Work| matches!(item, Work::CloseMessage(_) | Work::MarkDone(_));
                self.kept = work.into_iter().filter(kept).collect();
                let again = || StoreError::Unavailable("host.db could not be written".into());
                for (reply, _) in waiters.receipts {
                    let _ = reply.send(Err(again()));
                }
                for reply in waiters.others {
                    let _ = reply.send(Err(again()));
                }
            }
        }
    }

    /// The open database; after a failed COMMIT opened anew, with what was in doubt written again.
    fn healthy(&mut self) -> Result<&mut HostDb, StoreError> {
        if self.db.is_none() {
            let db = HostDb::open(&self.file)?;
            db.connection.execute(
                "UPDATE notifications SET received_at = received_at WHERE id > ?",
                [self.last_announced],
            )?;
            let found = ledger::waiting_after(&db.connection, NotificationId(self.last_announced))?;
            tracing::info!(found = found.len(), "host.db was opened again");
            if let Some(last) = found.last() {
                self.last_announced = last.accepted.id.0;
                (self.announce)(found.into_iter().map(|waiting| waiting.accepted).collect());
            }
            self.db = Some(db);
        }
        self.db.as_mut().ok_or_else(gone)
    }
}

/// What has to be written, apart from who waits for it.
enum Work {
    Receive(Box<NewNotification>),
    OpenMessage(Box<NewMessage>),
    CloseMessage(Box<SendRecord>),
    MarkDone(NotificationId),
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
            Command::OpenMessage(message, reply) => {
                waiters.others.push(reply);
                work.push(Work::OpenMessage(message));
            }
            Command::CloseMessage(record) => work.push(Work::CloseMessage(record)),
            Command::MarkDone(id) => work.push(Work::MarkDone(id)),
            Command::Flush(reply) => waiters.others.push(reply),
            Command::Finish(_) => {} // taken out before
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
) -> Result<(), StoreError> {
    let transaction = db.connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for finished in marks {
        write_finished(&transaction, finished)?;
    }
    let mut receipts = waiters.receipts.iter_mut();
    for item in work {
        match item {
            Work::Receive(notification) => {
                let receipt = write_notification(&transaction, notification, accepted)?;
                if let Some((_, slot)) = receipts.next() {
                    *slot = receipt;
                }
            }
            Work::OpenMessage(message) => write_message(&transaction, message)?,
            Work::CloseMessage(record) => write_send(&transaction, record)?,
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
        failpoint::reach("notification-written");
    }
    transaction.commit()?;
    Ok(())
}

fn write_notification(
    db: &Connection,
    new: &NewNotification,
    accepted: &mut Vec<Accepted>,
) -> rusqlite::Result<Receipt> {
    let message = known_message(db, new)?;
    let inserted = db
        .prepare_cached(
            "INSERT INTO notifications(key, app, company, account_sid, message_sid, status, message, form, source,
                                       received_at, state)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT(key) DO NOTHING",
        )?
        .execute(params![
            new.key(),
            new.app.as_str(),
            new.company.as_str(),
            new.account.as_str(),
            new.message_sid.as_str(),
            new.status.as_str(),
            message.as_ref().map(|(id, _)| id.as_bytes()),
            &new.form[..],
            new.source.as_str(),
            new.received_at.0,
            if new.has_action { "waiting" } else { "done" },
        ])?;
    if inserted == 0 {
        return Ok(Receipt::Repeat);
    }
    let id = NotificationId(db.last_insert_rowid());
    if let Some((message, recorded)) = &message {
        update_message(db, *message, recorded, new)?;
    }
    if new.has_action {
        accepted.push(Accepted {
            id,
            app: new.app.clone(),
            company: new.company.clone(),
            message_sid: new.message_sid.clone(),
            message: message.map(|(id, _)| id),
            status: new.status.clone(),
            form: new.form.clone(),
        });
    }
    Ok(Receipt::New(id))
}

/// What the ledger knows of a message before Twilio has said anything of it: sent by us, or in doubt.
fn is_untouched(recorded: &Recorded) -> bool {
    !recorded.has_sid && matches!(recorded.status.as_str(), "sending" | "unknown")
}

/// Moves the record of a message forward with what a notification says; its sid is learnt in any case.
fn update_message(
    db: &Connection,
    message: MessageId,
    recorded: &Recorded,
    new: &NewNotification,
) -> rusqlite::Result<()> {
    if is_untouched(recorded) || recorded.status.may_become(&new.status) {
        db.prepare_cached(
            "UPDATE messages SET sid = coalesce(sid, ?3), updated_at = ?4,
                    error_code = CASE WHEN ?5 THEN ?6 WHEN status = 'unknown' THEN NULL ELSE error_code END,
                    error_message = CASE WHEN ?5 THEN ?7 WHEN status = 'unknown' THEN NULL ELSE error_message END,
                    status = ?2 WHERE id = ?1",
        )?
        .execute(params![
            message.as_bytes(),
            new.status.as_str(),
            new.message_sid.as_str(),
            new.received_at.0,
            new.status.is_failure(),
            new.error_code,
            new.error_message,
        ])?;
    } else if !recorded.has_sid {
        db.prepare_cached("UPDATE messages SET sid = ?2 WHERE id = ?1")?
            .execute(params![message.as_bytes(), new.message_sid.as_str()])?;
    }
    Ok(())
}

/// What the ledger has of a message.
struct Recorded {
    status: MessageStatus,
    has_sid: bool,
}

/// The host's message that a notification is about: the one that its URL names, else the one with its sid.
fn known_message(db: &Connection, new: &NewNotification) -> rusqlite::Result<Option<(MessageId, Recorded)>> {
    let read = |row: &rusqlite::Row<'_>| {
        let status = MessageStatus::parse(row.get_ref(1)?.as_str()?);
        Ok((MessageId::from_bytes(row.get(0)?), Recorded { status, has_sid: row.get(2)? }))
    };
    if let Some(id) = new.message {
        // A sid that is already known must be the same: an id that was put into another message's URL is ignored.
        let found = db
            .prepare_cached(
                "SELECT id, status, sid IS NOT NULL FROM messages
                 WHERE id = ?1 AND app = ?2 AND account_sid = ?3 AND coalesce(sid, ?4) = ?4",
            )?
            .query_row(
                params![id.as_bytes(), new.app.as_str(), new.account.as_str(), new.message_sid.as_str()],
                read,
            )
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    db.prepare_cached(
        "SELECT id, status, sid IS NOT NULL FROM messages WHERE sid = ? AND app = ? AND account_sid = ?",
    )?
    .query_row(params![new.message_sid.as_str(), new.app.as_str(), new.account.as_str()], read)
    .optional()
}

fn write_finished(db: &Connection, finished: &Finished) -> rusqlite::Result<()> {
    let run = &finished.run;
    if let Some((id, mark)) = finished.notification {
        let (state, next) = match mark {
            Mark::Done => ("done", None),
            Mark::Retry { at } => ("waiting", Some(at.0)),
            Mark::Dead => ("dead", None),
        };
        db.prepare_cached(
            "UPDATE notifications SET state = ?2, attempts = ?3, next_attempt_at = ?4, kills = kills + ?5 WHERE id = ?1",
        )?
        .execute(params![id.0, state, run.attempts, next, finished.killed])?;
    }
    db.prepare_cached(
        "INSERT INTO runs(notification, app, company, action, script_version, attempts, reason, cpu_us, wall_us,
                          peak_memory_bytes, host_calls, error, result, log, started_at)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
         ON CONFLICT(notification) DO UPDATE SET action = excluded.action,
           script_version = excluded.script_version, attempts = excluded.attempts, reason = excluded.reason,
           cpu_us = excluded.cpu_us, wall_us = excluded.wall_us, peak_memory_bytes = excluded.peak_memory_bytes,
           host_calls = excluded.host_calls, error = excluded.error, result = excluded.result, log = excluded.log,
           started_at = excluded.started_at",
    )?
    .execute(params![
        finished.notification.map(|(id, _)| id.0),
        run.app.as_str(),
        run.company.as_str(),
        run.action,
        run.script_version,
        run.attempts,
        run.reason,
        signed(run.cpu_us),
        signed(run.wall_us),
        signed(run.peak_memory_bytes),
        run.host_calls,
        run.error,
        run.result,
        run.log,
        run.started_at.0,
    ])?;
    Ok(())
}

/// SQLite's integers are signed.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn write_message(db: &Connection, new: &NewMessage) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO messages(id, app, company, account_sid, notification, recipient, sender, status, created_at,
                              updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'sending', ?8, ?8) ON CONFLICT(id) DO NOTHING",
    )?
    .execute(params![
        new.id.as_bytes(),
        new.app.as_str(),
        new.company.as_str(),
        new.account.as_str(),
        new.notification.map(|id| id.0),
        new.to.as_str(),
        new.from,
        new.at.0,
    ])?;
    Ok(())
}

/// A callback may have overtaken the answer: the answer's status replaces only what it may follow.
fn write_send(db: &Connection, record: &SendRecord) -> rusqlite::Result<()> {
    let recorded = db
        .prepare_cached("SELECT status, sid IS NOT NULL FROM messages WHERE id = ?")?
        .query_row([record.id.as_bytes()], |row| {
            Ok(Recorded { status: MessageStatus::parse(row.get_ref(0)?.as_str()?), has_sid: row.get(1)? })
        })
        .optional()?;
    let Some(recorded) = recorded else { return Ok(()) };
    if is_untouched(&recorded) || recorded.status.may_become(&record.status) {
        db.prepare_cached(
            "UPDATE messages SET status = ?2, sid = coalesce(sid, ?3), error_code = ?4, error_message = ?5,
                    updated_at = ?6 WHERE id = ?1",
        )?
        .execute(params![
            record.id.as_bytes(),
            record.status.as_str(),
            record.sid.as_ref().map(MessageSid::as_str),
            record.error_code,
            record.error_message,
            record.at.0,
        ])?;
    } else {
        db.prepare_cached("UPDATE messages SET sid = coalesce(sid, ?2) WHERE id = ?1")?
            .execute(params![record.id.as_bytes(), record.sid.as_ref().map(MessageSid::as_str)])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use crate::store::{Filter, Ledger};

    struct World {
        folder: tempfile::TempDir,
        inbox: Inbox,
        announced: mpsc::Receiver<Vec<Accepted>>,
        thread: JoinHandle<()>,
    }

    fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("host.db");
        let (announce, announced) = mpsc::channel();
        let db = HostDb::open(&file).unwrap();
        let (inbox, thread) = Inbox::start(db, file, move |new| announce.send(new).unwrap()).unwrap();
        World { folder, inbox, announced, thread }
    }

    impl World {
        fn ledger(&self) -> Ledger {
            Ledger::open(&self.folder.path().join("host.db")).unwrap()
        }

        fn receive(&self, notification: NewNotification) -> Receipt {
            futures_lite(self.inbox.receive(notification)).unwrap()
        }
    }

    fn futures_lite<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    fn sid(n: u32) -> MessageSid {
        MessageSid::parse(&format!("SM{n:032x}")).unwrap()
    }

    fn account() -> AccountSid {
        AccountSid::parse(&format!("AC{:032x}", 1)).unwrap()
    }

    fn notification(n: u32, status: &str) -> NewNotification {
        NewNotification {
            app: AppId::parse("demo").unwrap(),
            company: CompanyId::none(),
            account: account(),
            message_sid: sid(n),
            status: MessageStatus::parse(status),
            error_code: None,
            error_message: None,
            message: None,
            form: Bytes::from_static(b"a=b"),
            source: Source::Callback,
            received_at: UnixMillis(1),
            has_action: true,
        }
    }

    fn message() -> NewMessage {
        NewMessage {
            id: MessageId::generate(),
            app: AppId::parse("demo").unwrap(),
            company: CompanyId::none(),
            account: account(),
            notification: None,
            to: PhoneNumber::sender("+393331234567").unwrap(),
            from: "whatsapp:+14155238886".into(),
            at: UnixMillis(1),
        }
    }

    #[test]
    fn a_notification_is_kept_once_and_announced_once() {
        let world = world();
        assert_eq!(world.receive(notification(1, "sent")), Receipt::New(NotificationId(1)));
        assert_eq!(world.receive(notification(1, "sent")), Receipt::Repeat);
        assert!(matches!(world.receive(notification(1, "delivered")), Receipt::New(_)));
        let mut other_company = notification(1, "sent");
        other_company.company = CompanyId::parse("ACME").unwrap();
        assert!(matches!(world.receive(other_company), Receipt::New(_)));
        // Numbers count up, but a repeat may use one up.
        let announced: Vec<i64> =
            world.announced.try_iter().flatten().map(|accepted| accepted.id.0).collect();
        assert!(announced.len() == 3 && announced.is_sorted(), "{announced:?}");
        assert_eq!(world.ledger().waiting().unwrap().len(), 3);
    }

    #[test]
    fn without_an_action_a_notification_is_done_at_once() {
        let world = world();
        world.receive(NewNotification { has_action: false, ..notification(1, "sent") });
        assert!(world.announced.try_recv().is_err());
        assert!(world.ledger().waiting().unwrap().is_empty());
    }

    #[test]
    fn marks_are_written_before_the_writer_ends() {
        let world = world();
        let Receipt::New(id) = world.receive(notification(1, "sent")) else { panic!("new") };
        let run = RunRecord {
            app: AppId::parse("demo").unwrap(),
            company: CompanyId::none(),
            action: "a".into(),
            script_version: "v".into(),
            attempts: 1,
            reason: "completed",
            cpu_us: 1,
            wall_us: 1,
            peak_memory_bytes: 1,
            host_calls: 0,
            error: None,
            result: None,
            log: None,
            started_at: UnixMillis(1),
        };
        world
            .inbox
            .finish(vec![Finished { notification: Some((id, Mark::Done)), killed: false, run }])
            .unwrap();
        let file = world.folder.path().join("host.db");
        drop(world.inbox);
        world.thread.join().unwrap();
        let ledger = Ledger::open(&file).unwrap();
        assert!(ledger.waiting().unwrap().is_empty());
        assert_eq!(ledger.run_of(id).unwrap().unwrap().reason, "completed");
    }

    #[test]
    fn the_recorded_status_of_a_message_never_goes_backwards() {
        let world = world();
        let new = message();
        world.inbox.open_message(new.clone()).unwrap();
        let status = || world.ledger().message(&new.id.to_string()).unwrap().unwrap();
        assert_eq!(status().status, "sending");
        // The callback overtakes the answer of the send, and ties itself to the message by the URL.
        world.receive(NewNotification { message: Some(new.id), ..notification(1, "delivered") });
        assert_eq!((status().status.as_str(), status().sid.as_deref()), ("delivered", Some(sid(1).as_str())));
        let answer = SendRecord {
            id: new.id,
            sid: Some(sid(1)),
            status: MessageStatus::Queued,
            error_code: None,
            error_message: None,
            at: UnixMillis(2),
        };
        world.inbox.close_message(answer).unwrap();
        world.receive(notification(1, "sent"));
        assert_eq!(status().status, "delivered");
        world.receive(notification(1, "read"));
        assert_eq!(status().status, "read");
        assert_eq!(world.ledger().messages(&Filter::default()).unwrap().len(), 1);
    }

    #[test]
    fn a_callback_resolves_a_doubt() {
        let world = world();
        let new = message();
        world.inbox.open_message(new.clone()).unwrap();
        let doubt = SendRecord {
            id: new.id,
            sid: None,
            status: MessageStatus::parse("unknown"),
            error_code: Some("SEND_IN_DOUBT".into()),
            error_message: Some("nobody knows".into()),
            at: UnixMillis(2),
        };
        world.inbox.close_message(doubt).unwrap();
        // Even a status that is not ahead tells that Twilio has the message, and its sid.
        world.receive(NewNotification { message: Some(new.id), ..notification(1, "queued") });
        let row = world.ledger().message(sid(1).as_str()).unwrap().unwrap();
        assert_eq!((row.status.as_str(), row.error_code, row.error_message), ("queued", None, None));
    }

    #[test]
    fn the_outcome_of_a_send_survives_a_commit_that_fails() {
        let world = world();
        let new = message();
        world.inbox.open_message(new.clone()).unwrap();
        let saboteur = Connection::open(world.folder.path().join("host.db")).unwrap();
        saboteur
            .execute_batch(
                "CREATE TRIGGER refuse BEFORE UPDATE ON messages BEGIN SELECT raise(FAIL, 'no'); END",
            )
            .unwrap();
        let refused = SendRecord {
            id: new.id,
            sid: None,
            status: MessageStatus::Failed,
            error_code: Some("63007".into()),
            error_message: None,
            at: UnixMillis(2),
        };
        world.inbox.close_message(refused).unwrap();
        assert!(world.inbox.flush().is_err());
        saboteur.execute_batch("DROP TRIGGER refuse").unwrap();
        world.inbox.flush().unwrap();
        assert_eq!(world.ledger().message(&new.id.to_string()).unwrap().unwrap().status, "failed");
    }

    #[test]
    fn anothers_message_id_in_the_url_changes_nothing() {
        let world = world();
        let new = message();
        world.inbox.open_message(new.clone()).unwrap();
        let mut foreign = notification(1, "read");
        foreign.message = Some(new.id);
        foreign.account = AccountSid::parse(&format!("AC{:032x}", 2)).unwrap();
        world.receive(foreign);
        assert_eq!(world.ledger().message(&new.id.to_string()).unwrap().unwrap().status, "sending");
    }

    #[test]
    fn a_database_that_fails_acknowledges_nothing_and_comes_back() {
        let world = world();
        world.receive(notification(1, "sent"));
        let saboteur = Connection::open(world.folder.path().join("host.db")).unwrap();
        saboteur
            .execute_batch(
                "CREATE TRIGGER refuse BEFORE INSERT ON notifications BEGIN SELECT raise(FAIL, 'no'); END",
            )
            .unwrap();
        assert!(futures_lite(world.inbox.receive(notification(2, "sent"))).is_err());
        saboteur.execute_batch("DROP TRIGGER refuse").unwrap();
        assert!(matches!(world.receive(notification(2, "sent")), Receipt::New(_)));
    }
}
