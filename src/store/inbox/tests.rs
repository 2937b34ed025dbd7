use std::sync::mpsc;

use super::*;
use bytes::Bytes;
use rusqlite::Connection;

use crate::base::{AccountSid, CompanyId, MessageId, MessageSid, MessageStatus, PhoneNumber};
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
    let (inbox, thread) = Inbox::start(db, file, move |news| {
        if let News::Accepted(new) = news {
            announce.send(new).unwrap();
        }
    })
    .unwrap();
    World { folder, inbox, announced, thread }
}

impl World {
    fn ledger(&self) -> Ledger {
        Ledger::open(&self.folder.path().join("host.db")).unwrap()
    }

    fn waiting(&self) -> usize {
        self.ledger().fresh(&AppId::parse("demo").unwrap(), NotificationId(0), 1 << 20).unwrap().rows.len()
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
        conversation: None,
        received_at: UnixMillis(1),
        has_action: true,
        fence: None,
        opening: None,
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
        template: None,
        content_hash: String::new(),
        body: None,
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
    let announced: Vec<i64> = world.announced.try_iter().flatten().map(|accepted| accepted.id.0).collect();
    assert!(announced.len() == 3 && announced.is_sorted(), "{announced:?}");
    assert_eq!(world.waiting(), 3);
}

#[test]
fn without_an_action_a_notification_is_done_at_once() {
    let world = world();
    world.receive(NewNotification { has_action: false, ..notification(1, "sent") });
    assert!(world.announced.try_recv().is_err());
    assert!(world.waiting() == 0);
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
    world.inbox.finish(vec![Finished { notification: Some((id, Mark::Done)), killed: false, run }]).unwrap();
    let file = world.folder.path().join("host.db");
    drop(world.inbox);
    world.thread.join();
    let ledger = Ledger::open(&file).unwrap();
    assert!(ledger.fresh(&AppId::parse("demo").unwrap(), NotificationId(0), 1).unwrap().rows.is_empty());
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
        price: None,
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
        price: None,
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
        .execute_batch("CREATE TRIGGER refuse BEFORE UPDATE ON messages BEGIN SELECT raise(FAIL, 'no'); END")
        .unwrap();
    let refused = SendRecord {
        id: new.id,
        sid: None,
        status: MessageStatus::Failed,
        error_code: Some("63007".into()),
        error_message: None,
        price: None,
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
    // Nor one that another company has put there, whose key may be its own affair.
    let mut foreign = notification(2, "read");
    foreign.message = Some(new.id);
    foreign.company = CompanyId::parse("ACME").unwrap();
    world.receive(foreign);
    assert_eq!(world.ledger().message(&new.id.to_string()).unwrap().unwrap().status, "sending");
}

/// Thousands of rows that are past their time, and callbacks that come while they leave.
#[test]
fn a_sweep_gives_way_to_callbacks_and_comes_to_its_end() {
    let world = world();
    let day = Duration::from_hours(24);
    let now = UnixMillis(1).plus(40 * day);
    let old = Connection::open(world.folder.path().join("host.db")).unwrap();
    old.execute_batch(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
         INSERT INTO notifications(key, app, company, account_sid, message_sid, status, form, source, received_at,
           state) SELECT randomblob(20), 'demo', 'c', 'AC', 'SM', 'sent', x'', 'callback', 1, 'done' FROM n",
    )
    .unwrap();
    let cut = CutOffs::at(now, 30 * day, 90 * day);
    let (first, second) = futures_lite(async {
        let first = tokio::spawn({
            let inbox = world.inbox.clone();
            async move { inbox.sweep(cut).await }
        });
        tokio::task::yield_now().await;
        for n in 0..50 {
            let new = NewNotification { received_at: now, ..notification(n, "sent") };
            assert!(matches!(world.inbox.receive(new).await, Ok(Receipt::New(_))));
        }
        let first = first.await.unwrap().unwrap();
        (first, world.inbox.sweep(cut).await.unwrap())
    });
    assert_eq!((first.notifications, second.notifications), (5000, 0));
    assert_eq!(world.waiting(), 50);
    // A callback that comes once more after its row has gone is new again, under a number of its own.
    let Receipt::New(id) = world.receive(notification(900, "sent")) else { panic!("new") };
    assert!(id.0 > 5050);
}

#[test]
fn a_sweep_that_fails_fails_alone() {
    let world = world();
    world.receive(NewNotification { has_action: false, ..notification(1, "sent") });
    let saboteur = Connection::open(world.folder.path().join("host.db")).unwrap();
    saboteur
        .execute_batch(
            "CREATE TRIGGER refuse BEFORE DELETE ON notifications BEGIN SELECT raise(FAIL, 'no'); END",
        )
        .unwrap();
    let day = Duration::from_hours(24);
    let cut = CutOffs::at(UnixMillis(1).plus(40 * day), 30 * day, 90 * day);
    assert!(futures_lite(world.inbox.sweep(cut)).is_err());
    assert!(matches!(world.receive(notification(2, "sent")), Receipt::New(_)));
    saboteur.execute_batch("DROP TRIGGER refuse").unwrap();
    assert_eq!(futures_lite(world.inbox.sweep(cut)).unwrap().notifications, 1);
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
