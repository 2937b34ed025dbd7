//! What is asked, of whom and how often, over a Twilio that is a list of answers.

use std::sync::Mutex;

use super::*;
use crate::base::{CompanyId, ManualClock, MessageSid, PhoneNumber};
use crate::store::{HostDb, NewMessage, SendRecord};
use crate::whatsapp::twilio::Hidden;
use crate::whatsapp::{
    IncomingMedium, MediaAddress, Medium, MessageFilter, ObjectName, OutgoingMessage, Refusal, Seen,
    SendOutcome, SignedUrls, TransferError, Unprobed,
};

const SENT: UnixMillis = UnixMillis(1_800_000_000_000);
const PARAMS: &str = r#"
    [applications.app.WHATSAPP]
    environment = "production"
    account_id = "AC00000000000000000000000000000001"
    auth_key = "token"
    from_phone_number = "+14155238886"
    [applications.app.companies.ACME.WHATSAPP]
    account_id = "AC00000000000000000000000000000002"
    auth_key = "acme-token"
    api_key_id = "SK00000000000000000000000000000002"
    api_key_secret = "acme-secret"
"#;

/// Answers by rote, and notes what it was asked: who signed in, and the sid or `list`.
#[derive(Default)]
struct Rote {
    records: Mutex<BTreeMap<String, Result<MessageResource, ReadError>>>,
    log: Mutex<Vec<MessageResource>>,
    asked: Mutex<Vec<String>>,
}

impl Network for Rote {
    fn is_at_home(&self, _: &MediaAddress) -> bool {
        false
    }

    fn look_at(&self, _: &MediaAddress) -> Result<Seen, Unprobed> {
        Err(Unprobed::HttpStatus(404))
    }

    fn create_message(&self, _: &Account, _: &OutgoingMessage) -> SendOutcome {
        unreachable!("reconciliation sends nothing")
    }

    fn fetch_message(&self, account: &Account, sid: &MessageSid) -> Result<MessageResource, ReadError> {
        self.asked.lock().unwrap().push(format!("{} {sid}", account.username));
        self.records.lock().unwrap().get(sid.as_str()).cloned().unwrap_or(Err(ReadError::NotFound))
    }

    fn list_messages(&self, account: &Account, _: &MessageFilter) -> Result<Vec<MessageResource>, ReadError> {
        self.asked.lock().unwrap().push(format!("{} list", account.username));
        Ok(self.log.lock().unwrap().clone())
    }

    fn fetch_medium(&self, _: &Account, _: &IncomingMedium, _: Duration) -> Result<Medium, TransferError> {
        unreachable!("reconciliation saves nothing")
    }

    fn store_medium(
        &self,
        _: &SignedUrls,
        _: &ObjectName,
        _: &Medium,
        _: Duration,
    ) -> Result<(), TransferError> {
        unreachable!("reconciliation saves nothing")
    }
}

struct World {
    reconciler: Reconciler,
    rote: Arc<Rote>,
    open: Arc<Mutex<Vec<MessageId>>>,
    _folder: tempfile::TempDir,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app-params.toml");
    std::fs::write(&file, PARAMS).unwrap();
    let params = config::load(&file).unwrap().params;
    let ledger = folder.path().join("host.db");
    let (inbox, _) = Inbox::start(HostDb::open(&ledger).unwrap(), ledger.clone(), |_| {}).unwrap();
    let (rote, open) = (Arc::new(Rote::default()), Arc::new(Mutex::new(Vec::new())));
    let held = Arc::clone(&open);
    let reconciler = Reconciler {
        clock: Arc::new(ManualClock::at(SENT)),
        network: Arc::clone(&rote) as _,
        inbox,
        ledger,
        known: Box::new(move |app| params.applications.get(app).cloned()),
        simulator_url: None,
        is_open: Box::new(move |_, id| held.lock().unwrap().contains(&id)),
        page: VecDeque::new(),
        skipped: Vec::new(),
        resting: BTreeMap::new(),
    };
    World { reconciler, rote, open, _folder: folder }
}

impl World {
    /// A message of this account, with a sid or without.
    fn send(&self, account: u32, status: &str, sid: Option<&MessageSid>) -> MessageId {
        let id = MessageId::generate();
        let message = NewMessage {
            id,
            app: AppId::parse("app").unwrap(),
            company: CompanyId::parse("ACME").unwrap(),
            account: AccountSid::parse(&format!("AC{account:032x}")).unwrap(),
            notification: None,
            to: PhoneNumber::sender("+393331234567").unwrap(),
            from: "whatsapp:+14155238886".into(),
            template: None,
            content_hash: String::new(),
            body: None,
            at: SENT,
        };
        let inbox = &self.reconciler.inbox;
        inbox.open_message(message).unwrap();
        if status != "sending" {
            let status = MessageStatus::parse(status);
            let (error_code, error_message) = (None, None);
            let record = SendRecord {
                id,
                sid: sid.cloned(),
                status,
                error_code,
                error_message,
                price: None,
                at: SENT,
            };
            inbox.close_message(record).unwrap();
            inbox.flush().unwrap();
        }
        id
    }

    /// Does what is due so many minutes after the send; gives what Twilio was asked.
    fn poll(&mut self, minutes: u64) -> Vec<String> {
        self.reconciler.poll_due(after(minutes)).unwrap();
        std::mem::take(&mut self.rote.asked.lock().unwrap())
    }

    fn record(&self, n: u32, answer: Result<&str, ReadError>) -> MessageSid {
        let sid = sid(n);
        self.rote.records.lock().unwrap().insert(sid.to_string(), answer.map(|status| resource(n, status)));
        sid
    }

    fn shown(&self, id: MessageId) -> (String, u32, Option<UnixMillis>) {
        let row = Ledger::open(&self.reconciler.ledger).unwrap().message(&id.to_string()).unwrap().unwrap();
        (row.status, row.polls, row.next_poll_at)
    }
}

fn after(minutes: u64) -> UnixMillis {
    SENT.plus(Duration::from_mins(minutes))
}

fn sid(n: u32) -> MessageSid {
    MessageSid::parse(&format!("SM{n:032x}")).unwrap()
}

fn resource(n: u32, status: &str) -> MessageResource {
    MessageResource {
        sid: sid(n),
        status: MessageStatus::parse(status),
        to: Some("whatsapp:+393331234567".into()),
        from: Some("whatsapp:+14155238886".into()),
        messaging_service_sid: None,
        body: None,
        error_code: None,
        error_message: None,
        date_created: Some(SENT),
        date_sent: None,
        date_updated: None,
        price: None,
        price_unit: None,
    }
}

#[test]
fn a_price_is_kept_when_twilio_tells_it_also_with_a_status_that_is_no_news() {
    let mut world = world();
    let sid = world.record(1, Ok("sent"));
    let id = world.send(2, "sent", Some(&sid));
    let price = |world: &World| {
        let row = Ledger::open(&world.reconciler.ledger).unwrap().message(&id.to_string()).unwrap().unwrap();
        (row.price, row.price_unit)
    };
    world.poll(2);
    assert_eq!(price(&world), (None, None));
    let told = MessageResource {
        price: Some("-0.00750".into()),
        price_unit: Some("USD".into()),
        ..resource(1, "sent")
    };
    world.rote.records.lock().unwrap().insert(sid.to_string(), Ok(told));
    world.poll(10);
    assert_eq!(price(&world), (Some("-0.00750".into()), Some("USD".into())));
}

#[test]
fn a_message_is_asked_for_five_times_with_the_key_of_its_account_and_then_left() {
    let mut world = world();
    let sid = world.record(1, Ok("sent"));
    let id = world.send(2, "queued", Some(&sid));
    let expected = [format!("SK00000000000000000000000000000002 {sid}")];
    assert_eq!(world.poll(1), [""; 0]);
    for minutes in [2, 10, 60, 360, 1440] {
        assert_eq!(world.poll(minutes), expected, "{minutes}");
        assert_eq!(world.poll(minutes), [""; 0], "once");
    }
    assert_eq!(world.shown(id), ("sent".into(), 5, None));
    assert_eq!(world.poll(100_000), [""; 0]);
}

#[test]
fn more_than_a_page_is_asked_for_once_each() {
    let mut world = world();
    let count = u32::try_from(2 * PAGE + 3).unwrap();
    for n in 0..count {
        let sid = world.record(n, Ok("queued"));
        world.send(1, "queued", Some(&sid));
    }
    let mut asked = world.poll(2);
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), usize::try_from(count).unwrap());
}

#[test]
fn an_account_that_is_not_in_the_parameters_is_not_asked_and_in_nobodys_way() {
    let mut world = world();
    let sid = world.record(1, Ok("delivered"));
    let foreign = world.send(3, "queued", Some(&sid));
    let own = world.record(2, Ok("delivered"));
    world.send(1, "queued", Some(&own));
    assert_eq!(world.poll(2), [format!("AC00000000000000000000000000000001 {own}")]);
    assert_eq!(world.shown(foreign), ("queued".into(), 0, Some(after(10))));
}

#[test]
fn a_refused_key_is_not_tried_for_every_message_and_no_other_account_waits() {
    let mut world = world();
    let refused = || {
        let message = Hidden::default();
        Err(ReadError::Refused(Refusal { http_status: 401, code: Some(20003), message, more_info: None }))
    };
    let (first, second) = (world.record(1, refused()), world.record(2, refused()));
    let ids = [world.send(1, "queued", Some(&first)), world.send(1, "queued", Some(&second))];
    let other = world.record(3, Ok("read"));
    let other_id = world.send(2, "queued", Some(&other));
    assert_eq!(world.poll(2).len(), 2, "one for each account");
    let due: Vec<_> = ids.iter().map(|id| world.shown(*id).2.unwrap()).collect();
    assert!(
        due.contains(&after(10)) && due.contains(&after(12)),
        "the next slot, the end of the rest: {due:?}"
    );
    assert_eq!(world.shown(other_id), ("read".into(), 1, None));
}

#[test]
fn a_message_that_is_being_sent_is_left_alone_until_its_run_has_ended() {
    let mut world = world();
    let id = world.send(1, "sending", None);
    world.open.lock().unwrap().push(id);
    assert_eq!(world.poll(2), [""; 0]);
    assert_eq!(world.shown(id), ("sending".into(), 0, Some(after(10))));
    world.open.lock().unwrap().clear();
    assert_eq!(world.poll(10).len(), 1);
    assert_eq!(world.shown(id).0, "unknown", "nobody will tell what became of it");
}

#[test]
fn a_doubt_whose_message_still_waits_at_twilio_gets_its_sid() {
    let mut world = world();
    let id = world.send(1, "unknown", None);
    *world.rote.log.lock().unwrap() = vec![resource(1, "queued")];
    world.poll(2);
    assert_eq!(world.shown(id), ("queued".into(), 1, Some(after(10))));
    world.record(1, Ok("read"));
    assert_eq!(world.poll(10).len(), 1, "by its sid");
    assert_eq!(world.shown(id), ("read".into(), 2, None));
}

#[test]
fn two_doubts_and_one_message_stay_in_doubt_for_a_person_to_settle() {
    let mut world = world();
    let ids = [world.send(1, "unknown", None), world.send(1, "unknown", None)];
    *world.rote.log.lock().unwrap() = vec![resource(1, "delivered")];
    for minutes in [2, 10, 60, 360, 1440] {
        assert_eq!(world.poll(minutes).len(), 2);
    }
    for id in ids {
        assert_eq!(world.shown(id), ("unknown".into(), 5, None));
    }
}

#[test]
fn a_clock_that_jumps_asks_no_more_and_forgets_nothing() {
    let mut world = world();
    let sid = world.record(1, Ok("sent"));
    let id = world.send(1, "queued", Some(&sid));
    assert_eq!(world.poll(600).len(), 1, "forward: one question for the slots that were missed");
    assert_eq!(world.poll(3).len(), 0, "and back: its time is tomorrow's");
    let before = UnixMillis(SENT.0 - 86_400_000 * 365);
    assert_eq!(world.reconciler.poll_due(before).unwrap(), 1, "a year back: that time would not come");
    assert!(world.shown(id).2.unwrap() <= before.plus(Duration::from_hours(24)));
    assert_eq!(world.reconciler.poll_due(before).unwrap(), 0);
}
