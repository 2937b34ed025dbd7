//! What is due, what is learnt, and that nothing goes backwards.

use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::store::{Fate, HostDb, Inbox, NewMessage, News, SendRecord, Settled, Settlement, Source};

const SENT: UnixMillis = UnixMillis(1_800_000_000_000);

struct World {
    folder: tempfile::TempDir,
    inbox: Inbox,
    announced: mpsc::Receiver<Vec<Accepted>>,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("host.db");
    let (announce, announced) = mpsc::channel();
    let db = HostDb::open(&file).unwrap();
    let tell = move |news| {
        if let News::Accepted(new) = news {
            announce.send(new).unwrap();
        }
    };
    let (inbox, _) = Inbox::start(db, file, tell).unwrap();
    World { folder, inbox, announced }
}

impl World {
    fn ledger(&self) -> Ledger {
        self.inbox.flush().unwrap();
        Ledger::open(&self.folder.path().join("host.db")).unwrap()
    }

    fn get(&self, id: MessageId) -> PolledMessage {
        self.ledger().polled_message(id).unwrap().unwrap()
    }

    /// Status, code and when it is due next.
    fn shown(&self, id: MessageId) -> (String, Option<String>, Option<UnixMillis>) {
        let row = self.ledger().message(&id.to_string()).unwrap().unwrap();
        (row.status, row.error_code, row.next_poll_at)
    }

    /// A message that was sent, with this status and sid.
    fn send(&self, status: &str, number: Option<u32>) -> MessageId {
        let id = MessageId::generate();
        self.inbox.open_message(new_message(id, SENT)).unwrap();
        if status != "sending" {
            self.close(id, status, number);
        }
        id
    }

    fn close(&self, id: MessageId, status: &str, number: Option<u32>) {
        let record = SendRecord {
            id,
            sid: number.map(sid),
            status: MessageStatus::parse(status),
            error_code: (status == "unknown").then(|| "SEND_IN_DOUBT".to_owned()),
            error_message: None,
            price: None,
            at: SENT,
        };
        self.inbox.close_message(record).unwrap();
    }

    fn learn(&self, id: MessageId, learnt: Learnt) {
        let due = self.get(id).due;
        let next = Some(SENT.plus(Duration::from_mins(10)));
        let polled = Polled { id, asked: true, due, next, learnt, price: None, at: SENT };
        self.inbox.record_polls(vec![polled]).unwrap();
    }

    fn receive(&self, new: NewNotification) -> Receipt {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.inbox.receive(new)).unwrap()
    }

    fn settle(&self, id: MessageId, fate: Fate) -> Settled {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(self.inbox.settle(Settlement { id, fate, at: SENT })).unwrap()
    }
}

fn sid(n: u32) -> MessageSid {
    MessageSid::parse(&format!("SM{n:032x}")).unwrap()
}

fn new_message(id: MessageId, at: UnixMillis) -> NewMessage {
    NewMessage {
        id,
        app: AppId::parse("demo").unwrap(),
        company: CompanyId::none(),
        account: AccountSid::parse(&format!("AC{:032x}", 1)).unwrap(),
        notification: None,
        to: PhoneNumber::sender("+393331234567").unwrap(),
        from: "whatsapp:+14155238886".into(),
        template: None,
        content_hash: String::new(),
        body: None,
        at,
    }
}

fn notification(message: Option<MessageId>, n: u32, status: &str, source: Source) -> NewNotification {
    NewNotification {
        app: AppId::parse("demo").unwrap(),
        company: CompanyId::none(),
        account: AccountSid::parse(&format!("AC{:032x}", 1)).unwrap(),
        message_sid: sid(n),
        status: MessageStatus::parse(status),
        error_code: None,
        error_message: None,
        message,
        form: bytes::Bytes::from_static(b"a=b"),
        source,
        conversation: None,
        received_at: SENT,
        has_action: true,
        fence: None,
        opening: None,
    }
}

fn status(message: MessageId, n: u32, status: &str) -> Learnt {
    Learnt::Status(Box::new(notification(Some(message), n, status, Source::Poll)))
}

fn absent() -> Learnt {
    let message = "not there".to_owned();
    Learnt::Conclusion { status: MessageStatus::Failed, code: SEND_NOT_FOUND, message }
}

const FIRST: Option<UnixMillis> = Some(UnixMillis(SENT.0 + 120_000));
const NEXT: Option<UnixMillis> = Some(UnixMillis(SENT.0 + 600_000));

#[test]
fn settled_means_the_same_in_sql() {
    for known in MessageStatus::KNOWN {
        assert_eq!(SETTLED.contains(&format!("'{known}'")), known.is_settled(), "{known}");
    }
}

#[test]
fn a_message_is_due_from_its_intent_until_its_fate_is_known() {
    let world = world();
    for status in ["sending", "queued", "unknown"] {
        let id = world.send(status, (status == "queued").then_some(7));
        assert_eq!(world.shown(id).2, FIRST, "{status}");
    }
    let refused = world.send("failed", None);
    assert_eq!(world.shown(refused).2, None);
    let ledger = world.ledger();
    assert_eq!(ledger.next_poll_at().unwrap(), FIRST);
    assert_eq!(ledger.due_messages(SENT, 9).unwrap().len(), 0);
    assert_eq!(ledger.due_messages(FIRST.unwrap(), 2).unwrap().len(), 2, "at most so many");
    assert_eq!(ledger.due_messages(FIRST.unwrap(), 9).unwrap().len(), 3);

    world.receive(notification(None, 7, "sent", Source::Callback));
    assert_eq!(world.ledger().due_messages(FIRST.unwrap(), 9).unwrap().len(), 3);
    world.receive(notification(None, 7, "delivered", Source::Callback));
    assert_eq!(world.ledger().due_messages(FIRST.unwrap(), 9).unwrap().len(), 2);
}

#[test]
fn a_time_that_a_wrong_clock_has_set_is_due() {
    let world = world();
    let id = world.send("queued", Some(1));
    let long_before = UnixMillis(1_000_000);
    assert_eq!(world.ledger().due_messages(long_before, 9).unwrap()[0].id, id);
}

#[test]
fn a_status_that_is_news_is_announced_once_and_settles_the_message() {
    let world = world();
    let id = world.send("queued", Some(1));
    world.learn(id, status(id, 1, "sent"));
    assert_eq!(world.shown(id), ("sent".into(), None, NEXT));
    world.learn(id, status(id, 1, "delivered"));
    assert_eq!(world.shown(id), ("delivered".into(), None, None));
    let told: Vec<_> = world.announced.try_iter().flatten().map(|new| new.status.to_string()).collect();
    assert_eq!(told, ["sent", "delivered"]);
    assert_eq!(world.get(id).polls, 2);
    let repeat = world.receive(notification(Some(id), 1, "delivered", Source::Callback));
    assert_eq!(repeat, Receipt::Repeat, "a callback that comes after all");
}

#[test]
fn a_status_that_is_no_news_is_not_told() {
    let world = world();
    let id = world.send("queued", Some(1));
    world.receive(notification(Some(id), 1, "delivered", Source::Callback));
    world.announced.try_iter().count();
    for old in ["sent", "delivered", "failed"] {
        world.learn(id, status(id, 1, old));
    }
    assert_eq!(world.announced.try_iter().count(), 0);
    assert_eq!(world.shown(id), ("delivered".into(), None, None));
    assert_eq!(world.ledger().notifications_of(sid(1).as_str()).unwrap().len(), 1);
}

#[test]
fn a_doubt_takes_the_message_that_was_found_for_it() {
    let world = world();
    let by_status = world.send("unknown", None);
    world.learn(by_status, status(by_status, 1, "delivered"));
    assert_eq!(world.shown(by_status), ("delivered".into(), None, None));
    let by_sid = world.send("sending", None);
    world.learn(by_sid, Learnt::Sid { sid: sid(2), status: MessageStatus::Queued });
    assert_eq!(world.shown(by_sid), ("queued".into(), None, NEXT));
    // What became another's meanwhile is not taken.
    let third = world.send("unknown", None);
    world.learn(third, Learnt::Sid { sid: sid(2), status: MessageStatus::Queued });
    world.learn(third, status(third, 1, "read"));
    assert_eq!(world.shown(third).0, "unknown");
    assert_eq!(world.get(third).sid, None);
    assert_eq!(world.announced.try_iter().flatten().count(), 1);
}

#[test]
fn a_status_that_was_kept_before_its_message_was_known_moves_the_message() {
    let world = world();
    let id = world.send("unknown", None);
    world.receive(notification(None, 1, "delivered", Source::Callback));
    assert_eq!(world.settle(id, Fate::Sent(sid(1))), Settled::Done);
    world.announced.try_iter().count();
    world.learn(id, status(id, 1, "delivered"));
    assert_eq!(world.shown(id), ("delivered".into(), None, None));
    assert_eq!(world.announced.try_iter().count(), 0, "its action has run");
}

#[test]
fn an_absence_is_concluded_of_doubts_only_and_twilios_word_replaces_it() {
    let world = world();
    let id = world.send("unknown", None);
    world.learn(id, absent());
    assert_eq!(world.shown(id), ("failed".into(), Some(SEND_NOT_FOUND.into()), None));
    world.receive(notification(Some(id), 1, "sent", Source::Callback));
    assert_eq!(world.shown(id), ("sent".into(), None, FIRST), "it is asked for again");
    world.learn(id, absent());
    assert_eq!(world.shown(id).0, "sent", "a callback came while Twilio was asked");
}

#[test]
fn a_doubt_that_comes_late_does_not_replace_a_conclusion() {
    let world = world();
    let id = world.send("sending", None);
    world.learn(id, absent());
    world.close(id, "unknown", None);
    assert_eq!(world.shown(id), ("failed".into(), Some(SEND_NOT_FOUND.into()), None));
}

#[test]
fn a_send_that_died_with_the_host_becomes_a_doubt_that_keeps_its_time() {
    let world = world();
    let id = world.send("sending", None);
    let later = SENT.plus(Duration::from_mins(3));
    world.inbox.open_message(new_message(id, later)).unwrap(); // the request was made once more
    let conclusion = Learnt::Conclusion {
        status: MessageStatus::parse("unknown"),
        code: "SEND_IN_DOUBT",
        message: "the host died".into(),
    };
    world.learn(id, conclusion);
    assert_eq!(world.shown(id), ("unknown".into(), Some("SEND_IN_DOUBT".into()), NEXT));
    assert_eq!((world.get(id).created, world.get(id).updated), (SENT, later));
}

#[test]
fn what_was_made_due_meanwhile_stays_due() {
    let world = world();
    let id = world.send("unknown", None);
    let due = world.get(id).due;
    assert_eq!(world.settle(id, Fate::Sent(sid(1))), Settled::Done);
    let polled = Polled { id, asked: true, due, next: NEXT, learnt: Learnt::Nothing, price: None, at: SENT };
    world.inbox.record_polls(vec![polled]).unwrap();
    assert_eq!(world.shown(id), ("queued".into(), None, Some(SENT)));
}

#[test]
fn only_a_doubt_is_settled_and_only_with_a_sid_of_its_own() {
    let world = world();
    let (sent, doubt, other) =
        (world.send("queued", Some(1)), world.send("unknown", None), world.send("sending", None));
    assert_eq!(world.settle(sent, Fate::NotSent), Settled::NotInDoubt(MessageStatus::Queued));
    assert_eq!(world.settle(MessageId::generate(), Fate::NotSent), Settled::NoSuchMessage);
    assert_eq!(world.settle(doubt, Fate::Sent(sid(1))), Settled::SidTaken(sent));
    assert_eq!(world.settle(doubt, Fate::NotSent), Settled::Done);
    assert_eq!(world.shown(doubt), ("failed".into(), Some("SETTLED_NOT_SENT".into()), None));
    assert_eq!(world.settle(doubt, Fate::NotSent), Settled::NotInDoubt(MessageStatus::Failed));
    assert_eq!(world.settle(other, Fate::Sent(sid(2))), Settled::Done);
    assert_eq!(world.shown(other), ("queued".into(), None, Some(SENT)));
}

#[test]
fn a_sid_is_known_by_its_message_or_by_a_notification() {
    let world = world();
    world.send("queued", Some(1));
    world.receive(notification(None, 2, "sent", Source::Callback));
    let ledger = world.ledger();
    let known = [1, 2, 3].map(|n| ledger.knows_sid(&sid(n)).unwrap());
    assert_eq!(known, [true, true, false]);
}

#[test]
fn rivals_are_the_other_sends_to_the_same_person_without_a_sid() {
    let world = world();
    let (doubt, rival) = (world.send("unknown", None), world.send("sending", None));
    world.send("queued", Some(1));
    world.send("failed", None);
    let rivals = world.ledger().rivals(&world.get(doubt)).unwrap();
    assert_eq!(rivals.iter().map(|rival| rival.id).collect::<Vec<_>>(), [rival]);
}

#[test]
fn a_message_that_has_not_left_is_taken_back() {
    let world = world();
    let (unsent, sent) = (world.send("sending", None), world.send("queued", Some(1)));
    for id in [unsent, sent] {
        world.inbox.withdraw_message(id).unwrap();
    }
    assert!(world.ledger().polled_message(unsent).unwrap().is_none());
    assert!(world.ledger().polled_message(sent).unwrap().is_some());
}

#[test]
fn a_poll_that_cannot_be_recorded_leaves_the_message_due() {
    let world = world();
    let id = world.send("queued", Some(1));
    let due = world.get(id).due;
    let saboteur = Connection::open(world.folder.path().join("host.db")).unwrap();
    saboteur
        .execute_batch("CREATE TRIGGER refuse BEFORE UPDATE ON messages BEGIN SELECT raise(FAIL, 'no'); END")
        .unwrap();
    let polled =
        Polled { id, asked: true, due, next: NEXT, learnt: status(id, 1, "sent"), price: None, at: SENT };
    assert!(world.inbox.record_polls(vec![polled.clone()]).is_err());
    saboteur.execute_batch("DROP TRIGGER refuse").unwrap();
    assert_eq!(world.shown(id), ("queued".into(), None, FIRST));
    world.inbox.record_polls(vec![polled]).unwrap();
    assert_eq!(world.shown(id), ("sent".into(), None, NEXT));
}
