//! Which keys are kept, which count, and where.

use std::sync::Arc;

use rusqlite::Connection;

use super::*;
use crate::base::{MessageId, PhoneNumber};
use crate::store::{Inbox, KeyRing, NewMessage};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

struct World {
    db: HostDb,
    folder: tempfile::TempDir,
}

fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    World { db: HostDb::open(&folder.path().join("host.db")).unwrap(), folder }
}

fn place(company: &str, account: u32) -> KeyPlace {
    KeyPlace {
        app: AppId::parse("app").unwrap(),
        company: CompanyId::parse(company).unwrap(),
        account: AccountSid::parse(&format!("AC{account:032x}")).unwrap(),
    }
}

fn key(place: &KeyPlace, secret: &str) -> BroughtKey {
    BroughtKey::new(&HostKey::for_tests(), place.clone(), &Secret::new(secret)).unwrap()
}

fn at(minutes: u64) -> UnixMillis {
    NOW.plus(Duration::from_mins(minutes))
}

impl World {
    fn bring(&self, place: &KeyPlace, secret: &str, minutes: u64) {
        bring_key(&self.db.connection, &key(place, secret), at(minutes)).unwrap();
    }

    fn judge(&self, place: &KeyPlace, secret: &str, verdict: KeyVerdict, minutes: u64) {
        judge_key(&self.db.connection, &key(place, secret), verdict, at(minutes)).unwrap();
    }

    /// A send that Twilio takes.
    fn send(&self, place: &KeyPlace, secret: &str, minutes: u64) {
        self.bring(place, secret, minutes);
        self.judge(place, secret, KeyVerdict::Taken, minutes);
    }

    /// What counts there at that time.
    fn keys(&self, place: &KeyPlace, minutes: u64) -> Vec<String> {
        let ring = KeyRing::open(&self.db, HostKey::for_tests()).unwrap();
        ring.keys(place, at(minutes)).iter().map(|key| key.expose().to_owned()).collect()
    }

    fn rows(&self) -> Vec<AccountRow> {
        Ledger::open(&self.folder.path().join("host.db")).unwrap().accounts(&Filter::default()).unwrap()
    }
}

#[test]
fn a_key_counts_before_twilio_has_answered_and_for_a_day_if_it_never_does() {
    let (world, place) = (world(), place("ACME", 1));
    world.bring(&place, "one", 0);
    assert_eq!(world.keys(&place, 24 * 60), ["one"]);
    assert!(world.keys(&place, 24 * 60 + 1).is_empty());
    world.send(&place, "two", 24 * 60 + 1);
    assert_eq!(world.rows()[0].unconfirmed_keys, 0, "the next write deletes it");
    assert_eq!(world.keys(&place, 1 << 20), ["two"], "one that is confirmed counts for good");
}

#[test]
fn the_last_two_confirmed_and_the_last_two_unconfirmed_stay() {
    let (world, place) = (world(), place("ACME", 1));
    for (minute, secret) in ["one", "two", "one", "three"].into_iter().enumerate() {
        world.send(&place, secret, minute as u64);
    }
    assert_eq!(world.keys(&place, 9), ["three", "one"], "used last, not brought last");
    for (minute, secret) in ["a", "b", "c"].into_iter().enumerate() {
        world.bring(&place, secret, 10 + minute as u64);
    }
    assert_eq!(world.keys(&place, 13), ["three", "one", "c", "b"], "wrong keys push out no good one");
    let row = &world.rows()[0];
    assert_eq!((row.confirmed_keys, row.unconfirmed_keys, row.last_used_at), (2, 2, at(12)));
    // A clock that was set back does not push out what is being used.
    world.send(&place, "four", 1);
    assert_eq!(world.keys(&place, 13), ["three", "four", "c"]);
}

#[test]
fn a_refused_key_is_forgotten_unless_twilio_has_taken_it_before() {
    let (world, place) = (world(), place("ACME", 1));
    world.bring(&place, "wrong", 0);
    world.judge(&place, "wrong", KeyVerdict::Refused, 0);
    assert!(world.rows().is_empty());
    world.send(&place, "old", 1);
    world.bring(&place, "old", 2);
    world.judge(&place, "old", KeyVerdict::Refused, 2);
    assert_eq!(world.keys(&place, 3), ["old"], "callbacks of earlier messages are on their way");
    // A verdict that comes after the key was pushed out or removed brings it back.
    world.judge(&place, "late", KeyVerdict::Taken, 4);
    assert_eq!(world.keys(&place, 5), ["late", "old"]);
}

#[test]
fn a_key_counts_in_its_place_only_and_cannot_be_moved() {
    let world = world();
    let (acme, other, account) = (place("ACME", 1), place("OTHER", 1), place("ACME", 2));
    world.send(&acme, "one", 0);
    assert!(world.keys(&other, 0).is_empty() && world.keys(&account, 0).is_empty());
    assert_ne!(key(&acme, "one").hash, key(&other, "one").hash, "nobody sees that two companies share a key");
    world.db.connection.execute("UPDATE accounts SET company = 'OTHER'", []).unwrap();
    assert!(world.keys(&acme, 0).is_empty() && world.keys(&other, 0).is_empty());
}

#[test]
fn keys_are_forgotten_as_asked() {
    let mut world = world();
    for (company, account) in [("ACME", 1), ("ACME", 2), ("OTHER", 1)] {
        world.send(&place(company, account), "one", 0);
        world.send(&place(company, account), "two", 0);
    }
    let account = place("ACME", 1).account;
    let mut forget = ForgetKeys { account, app: Some("another".into()), company: None };
    assert_eq!(world.db.forget_keys(&forget).unwrap(), 0);
    forget.app = Some("app".into());
    forget.company = Some("OTHER".into());
    assert_eq!(world.db.forget_keys(&forget).unwrap(), 2);
    forget.company = None;
    assert_eq!(world.db.forget_keys(&forget).unwrap(), 2);
    assert_eq!(world.rows().len(), 1, "the other account stays");
}

#[test]
fn what_another_host_key_has_sealed_is_left_out() {
    let (world, acme) = (world(), place("ACME", 1));
    world.send(&acme, "one", 0);
    let other = HostKey::open(&world.folder.path().join("host.key")).unwrap();
    let ring = KeyRing::open(&world.db, other).unwrap();
    assert!(ring.keys(&acme, NOW).is_empty());
    assert!(KeyRing::default().keys(&acme, NOW).is_empty());
}

/// The inbox's ring holds what is durable: nothing of a COMMIT that failed, and in the end all that must not be lost.
#[test]
fn what_counts_is_what_is_durable() {
    let World { db, folder } = world();
    let file = folder.path().join("host.db");
    let ring = KeyRing::open(&db, HostKey::for_tests()).unwrap();
    let (inbox, _writer) = Inbox::start_with_keys(db, file.clone(), ring, |_| {}).unwrap();
    let acme = place("ACME", 1);
    let counts = || inbox.keys().keys(&acme, NOW).len();
    let message = || NewMessage {
        id: MessageId::generate(),
        app: acme.app.clone(),
        company: acme.company.clone(),
        account: acme.account.clone(),
        notification: None,
        to: PhoneNumber::sender("+393331234567").unwrap(),
        from: "whatsapp:+14155238886".into(),
        template: None,
        content_hash: String::new(),
        body: None,
        at: NOW,
    };
    let one = Arc::new(key(&acme, "one"));
    let saboteur = Connection::open(&file).unwrap();
    let refuse = "CREATE TRIGGER refuse BEFORE INSERT ON accounts BEGIN SELECT raise(FAIL, 'no'); END";
    saboteur.execute_batch(refuse).unwrap();
    assert!(inbox.open_message_with(message(), Some(Arc::clone(&one))).is_err());
    assert_eq!(counts(), 0);
    // A verdict is not lost, whatever happens.
    inbox.judge_key(Arc::clone(&one), KeyVerdict::Taken, NOW).unwrap();
    assert!(inbox.flush().is_err());
    saboteur.execute_batch("DROP TRIGGER refuse").unwrap();
    inbox.flush().unwrap();
    assert_eq!(counts(), 1);
    inbox.open_message_with(message(), Some(Arc::new(key(&acme, "two")))).unwrap();
    assert_eq!(counts(), 2, "at once");
    assert!(inbox.keys().unconfirmed(&acme, &Secret::new("one")).is_none());
    assert!(inbox.keys().unconfirmed(&acme, &Secret::new("two")).is_some());

    // What was written although nobody was told so is found when the database is opened again.
    bring_key(&saboteur, &key(&acme, "three"), NOW).unwrap();
    saboteur.execute_batch(refuse).unwrap();
    assert!(inbox.open_message_with(message(), Some(one)).is_err());
    saboteur.execute_batch("DROP TRIGGER refuse").unwrap();
    inbox.flush().unwrap();
    assert_eq!(counts(), 3);
}
