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
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use crate::base::NotificationId;
use crate::base::stage::{self, Thread};
use crate::store::host_db::commit;
use crate::store::records::{Accepted, Finished, NewMessage, NewNotification, Receipt, SendRecord};
use crate::store::writes::{write_finished, write_message, write_notification, write_send};
use crate::store::{HostDb, StoreError, ledger};

/// How many commands may wait; more is answered with an error at once, because the disk is the bottleneck then.
const CAPACITY: usize = 8192;
/// The largest batch of one COMMIT.
const BATCH: usize = 512;
/// How long marks of ended runs wait for company.
const MARKS_LINGER: Duration = Duration::from_millis(50);

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
    ) -> std::io::Result<(Self, Thread)> {
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
        let thread = stage::spawn("inbox", move || writer.run(&queue))?;
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
        stage::answer(answer).ok_or_else(gone)?
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
        stage::answer(answer).ok_or_else(gone)?
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
            let first = match stage::receive(queue, marks_due) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
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
            // Rows in doubt are found and announced when the database is opened anew, also if nothing more arrives.
            if !self.marks.is_empty() || !self.kept.is_empty() || self.db.is_none() {
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
                    stage::reach("notification-committed");
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
        stage::reach("notification-written");
    }
    commit("host-commit", || transaction.commit())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;
    use bytes::Bytes;
    use rusqlite::Connection;

    use crate::base::{
        AccountSid, AppId, CompanyId, MessageId, MessageSid, MessageStatus, PhoneNumber, UnixMillis,
    };
    use crate::store::records::{Mark, RunRecord, Source};
    use crate::store::{Filter, Ledger};

    struct World {
        folder: tempfile::TempDir,
        inbox: Inbox,
        announced: mpsc::Receiver<Vec<Accepted>>,
        thread: Thread,
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
        world.thread.join();
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
