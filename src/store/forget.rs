//! Erasing a person from `host.db`: the statements, each for a few rows, within the inbox's transaction.
//!
//! A message keeps its row, for the accounts; what names the person or tells what was said goes. A notification keeps
//! what says which it was and what became of the message. What waits, or belongs to a run that may still go on, is left
//! alone: each statement looks again, because much may have happened since the row was found.
//!
//! Order matters, for the work may be interrupted and is then repeated from the beginning: dead notifications are closed
//! before their journals go (a replay without its journal would send again), and what the rows are found by goes last.

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::{MessageId, NotificationId, PhoneNumber, RunId};
use crate::store::digits::names;
use crate::store::windows::forget_windows;

/// What stands for the recipient of a message whose recipient was forgotten.
pub const FORGOTTEN: &str = "forgotten";

/// How many rows one step erases at most, so that nobody waits for long.
pub const AT_ONCE: usize = 32;

/// The fields of a form that name nobody and tell nothing of what was said.
const KEPT: [&str; 12] = [
    "AccountSid",
    "ApiVersion",
    "ErrorCode",
    "EventType",
    "MessageSid",
    "MessageStatus",
    "MessagingServiceSid",
    "NumMedia",
    "NumSegments",
    "SmsMessageSid",
    "SmsSid",
    "SmsStatus",
];

/// A step of forgetting a number.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// The number.
    pub number: PhoneNumber,
    /// What goes.
    pub what: Erase,
}

/// What one step erases: at most [`AT_ONCE`] rows.
#[derive(Debug, Clone)]
pub enum Erase {
    /// Dead notifications become done: nobody replays them any more.
    Close(Vec<NotificationId>),
    /// Forms, and what the runs told; of notifications that are done.
    Notifications(Vec<NotificationId>),
    /// What names the number in runs.
    Runs(Vec<RunId>),
    /// What names the number in replays.
    Replays(Vec<i64>),
    /// Messages to the number.
    Messages(Vec<MessageId>),
    /// What names the number in messages to others.
    Mentions(Vec<MessageId>),
    /// When the person last wrote, to whom ever.
    Windows,
}

/// Erases; `secure_delete` is on for so long, so that what goes is overwritten.
pub(super) fn erase(db: &Connection, erasure: &Erasure) -> rusqlite::Result<()> {
    db.pragma_update(None, "secure_delete", "ON")?;
    let erased = step(db, &erasure.what, &erasure.number);
    db.pragma_update(None, "secure_delete", "FAST")?;
    erased
}

fn step(db: &Connection, what: &Erase, number: &PhoneNumber) -> rusqlite::Result<()> {
    match what {
        Erase::Close(ids) => ids.iter().try_for_each(|id| close(db, *id)),
        Erase::Notifications(ids) => ids.iter().try_for_each(|id| notification(db, *id, number)),
        Erase::Runs(ids) => ids.iter().try_for_each(|id| run(db, *id, number)),
        Erase::Replays(ids) => ids.iter().try_for_each(|id| replay(db, *id)),
        Erase::Messages(ids) => ids.iter().try_for_each(|id| message(db, *id, number)),
        Erase::Mentions(ids) => ids.iter().try_for_each(|id| mention(db, *id, number)),
        Erase::Windows => forget_windows(db, number),
    }
}

fn close(db: &Connection, id: NotificationId) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE notifications SET state = 'done', next_attempt_at = NULL WHERE id = ? AND state = 'dead'",
    )?
    .execute([id.0])?;
    Ok(())
}

fn notification(db: &Connection, id: NotificationId, number: &PhoneNumber) -> rusqlite::Result<()> {
    let form = db
        .prepare_cached("SELECT form FROM notifications WHERE id = ? AND state = 'done'")?
        .query_row([id.0], |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    let Some(form) = form else { return Ok(()) };
    let mut kept = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(&form) {
        if KEPT.contains(&&*name) && !names(value.as_bytes(), number) {
            kept.append_pair(&name, &value);
        }
    }
    db.prepare_cached("UPDATE notifications SET form = ?, conversation = NULL WHERE id = ?")?
        .execute(params![kept.finish().as_bytes(), id.0])?;
    db.prepare_cached("UPDATE runs SET log = NULL, result = NULL WHERE notification = ?")?.execute([id.0])?;
    Ok(())
}

fn run(db: &Connection, id: RunId, number: &PhoneNumber) -> rusqlite::Result<()> {
    if !is_open(db, "SELECT notification FROM runs WHERE id = ?", id.0)? {
        for column in ["log", "result", "error"] {
            forget_text(db, "runs", column, &id.0, number)?;
        }
    }
    Ok(())
}

fn replay(db: &Connection, id: i64) -> rusqlite::Result<()> {
    if !is_open(db, "SELECT notification FROM replays WHERE id = ?", id)? {
        db.prepare_cached("UPDATE replays SET error = NULL WHERE id = ?")?.execute([id])?;
    }
    Ok(())
}

fn message(db: &Connection, id: MessageId, number: &PhoneNumber) -> rusqlite::Result<()> {
    let sender = db
        .prepare_cached("SELECT notification FROM messages WHERE id = ? AND recipient = ?")?
        .query_row(params![id.as_bytes(), number.as_str()], |row| row.get::<_, Option<i64>>(0))
        .optional()?;
    let Some(sender) = sender else { return Ok(()) };
    if waits(db, sender)? {
        return Ok(());
    }
    db.prepare_cached(
        "UPDATE messages SET recipient = ?2, body = NULL, content_hash = NULL, next_poll_at = NULL WHERE id = ?1",
    )?
    .execute(params![id.as_bytes(), FORGOTTEN])?;
    forget_text(db, "messages", "error_message", id.as_bytes(), number)
}

fn mention(db: &Connection, id: MessageId, number: &PhoneNumber) -> rusqlite::Result<()> {
    forget_text(db, "messages", "body", id.as_bytes(), number)?;
    forget_text(db, "messages", "error_message", id.as_bytes(), number)
}

/// Empties a column, if it names the number.
fn forget_text(
    db: &Connection,
    table: &str,
    column: &str,
    id: &dyn rusqlite::ToSql,
    number: &PhoneNumber,
) -> rusqlite::Result<()> {
    let text = db
        .prepare_cached(&format!("SELECT {column} FROM {table} WHERE id = ?"))?
        .query_row([id], |row| row.get::<_, Option<String>>(0))
        .optional()?
        .flatten();
    if text.is_some_and(|text| names(text.as_bytes(), number)) {
        db.prepare_cached(&format!("UPDATE {table} SET {column} = NULL WHERE id = ?"))?.execute([id])?;
    }
    Ok(())
}

/// Whether the notification that `sql` finds may still run.
fn is_open(db: &Connection, sql: &str, id: i64) -> rusqlite::Result<bool> {
    let notification =
        db.prepare_cached(sql)?.query_row([id], |row| row.get::<_, Option<i64>>(0)).optional()?;
    waits(db, notification.flatten())
}

fn waits(db: &Connection, notification: Option<i64>) -> rusqlite::Result<bool> {
    let Some(id) = notification else { return Ok(false) };
    db.prepare_cached("SELECT 1 FROM notifications WHERE id = ? AND state = 'waiting'")?.exists([id])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UnixMillis;
    use crate::store::{Fate, HostDb, Ledger, Person, Settlement};

    const NUMBER: &str = "+393331234567";
    const FORM: &str =
        "To=whatsapp%3A%2B393331234567&MessageSid=SM1&ErrorCode=63016&Body=ciao&ApiVersion=393331234567";

    struct World {
        _folder: tempfile::TempDir,
        db: HostDb,
        ledger: Ledger,
        number: PhoneNumber,
    }

    fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("host.db");
        let db = HostDb::open(&file).unwrap();
        let ledger = Ledger::open(&file).unwrap();
        World { _folder: folder, db, ledger, number: PhoneNumber::sender(NUMBER).unwrap() }
    }

    impl World {
        fn notification(&self, form: &str, state: &str) -> NotificationId {
            let db = &self.db.connection;
            db.execute(
                "INSERT INTO notifications(key, app, company, account_sid, message_sid, status, form, source,
                   received_at, state, conversation)
                 VALUES (randomblob(20), 'a', 'c', 'AC', 'SM1', 'sent', ?, 'callback', 1, ?, randomblob(16))",
                params![form.as_bytes(), state],
            )
            .unwrap();
            let id = db.last_insert_rowid();
            db.execute(
                "INSERT INTO runs(notification, app, company, action, script_version, attempts, reason, cpu_us,
                   wall_us, peak_memory_bytes, host_calls, started_at, log, result, error)
                 VALUES (?, 'a', 'c', 'x', '', 1, 'thrown', 1, 1, 1, 0, 1, 'l', 'r', ?)",
                params![id, format!("{{\"message\":\"{NUMBER}\"}}")],
            )
            .unwrap();
            NotificationId(id)
        }

        fn message(&self, to: &str, sender: Option<NotificationId>) -> MessageId {
            let id = MessageId::generate();
            self.db
                .connection
                .execute(
                    "INSERT INTO messages(id, app, company, account_sid, notification, recipient, sender, status,
                       created_at, updated_at, next_poll_at, body, content_hash, error_message)
                     VALUES (?, 'a', 'c', ?, ?, ?, '+1', 'unknown', 1, 1, 1, 'to +393331234567', 'h', ?)",
                    params![id.as_bytes(), format!("AC{:032}", 1), sender.map(|id| id.0), to, format!("no {NUMBER}")],
                )
                .unwrap();
            id
        }

        fn erase(&self, what: Erase) {
            erase(&self.db.connection, &Erasure { number: self.number.clone(), what }).unwrap();
        }

        fn form(&self, id: NotificationId) -> String {
            let form = self.ledger.notification(id).unwrap().unwrap().form.unwrap();
            String::from_utf8(form.to_vec()).unwrap()
        }
    }

    #[test]
    fn a_notification_keeps_what_names_nobody_once_nothing_makes_it_run() {
        let world = world();
        let ids = ["done", "dead", "waiting"].map(|state| world.notification(FORM, state));
        world.erase(Erase::Notifications(ids.to_vec()));
        let sql = "SELECT state FROM notifications WHERE conversation IS NULL";
        let alone: String = world.db.connection.query_row(sql, [], |row| row.get(0)).unwrap();
        assert_eq!(alone, "done", "what waits keeps its order");
        let kept = "MessageSid=SM1&ErrorCode=63016";
        assert_eq!(ids.map(|id| world.form(id)), [kept, FORM, FORM]);
        world.erase(Erase::Close(ids.to_vec()));
        world.erase(Erase::Notifications(ids.to_vec()));
        assert_eq!(ids.map(|id| world.form(id)), [kept, kept, FORM]);
        let runs = || ids.map(|id| world.ledger.run_of(id).unwrap().unwrap());
        assert_eq!(runs().map(|run| run.log.is_some()), [false, false, true]);
        let person = Person::find(&world.ledger, &world.number).unwrap();
        let mentions = person.runs(&world.ledger).unwrap();
        assert_eq!(mentions.iter().map(|mention| mention.waits).collect::<Vec<_>>(), [false, false, true]);
        world.erase(Erase::Runs(mentions.iter().map(|mention| mention.id).collect()));
        assert_eq!(runs().map(|run| run.error.is_some()), [false, false, true]);
        let waiting: Vec<_> = person.notifications(&world.ledger).unwrap();
        assert_eq!(waiting.iter().map(|one| (one.id, one.waits)).collect::<Vec<_>>(), [(ids[2], true)]);
    }

    #[test]
    fn a_message_keeps_its_row_and_is_asked_about_no_more() {
        let mut world = world();
        let waiting = world.notification("a=b", "waiting");
        let (held, free) = (world.message(NUMBER, Some(waiting)), world.message(NUMBER, None));
        let other = world.message("+393351234567", None);
        let person = Person::find(&world.ledger, &world.number).unwrap();
        assert_eq!(person.mentioned(&world.ledger).unwrap(), [other]);
        world.erase(Erase::Messages(vec![held, free, other]));
        world.erase(Erase::Mentions(vec![other]));
        let row = |id: MessageId| world.ledger.message(&id.to_string()).unwrap().unwrap();
        let shown = |id| {
            let row = row(id);
            (row.to, row.body.is_some(), row.content_hash.is_some(), row.error_message.is_some())
        };
        assert_eq!(shown(held), (NUMBER.to_owned(), true, true, true));
        assert_eq!(shown(free), (FORGOTTEN.to_owned(), false, false, false));
        assert_eq!(shown(other), ("+393351234567".to_owned(), false, true, false));
        assert_eq!(world.ledger.due_messages(UnixMillis(9), 9).unwrap().len(), 2);
        assert!(world.ledger.polled_message(free).unwrap().is_none());
        // What Twilio still says of it tells nothing of anybody.
        crate::store::fences::opt_out_by(&world.db.connection, free, Some("63014"), UnixMillis(2)).unwrap();
        assert!(world.ledger.opt_outs(None, None).unwrap().is_empty());
        // A person's word on it does not make it due either: nobody could tell whom to ask for.
        let sid = crate::base::MessageSid::parse("SM00000000000000000000000000000009").unwrap();
        world.db.settle(&Settlement { id: free, fate: Fate::Sent(sid), at: UnixMillis(2) }).unwrap();
        let settled = world.ledger.message(&free.to_string()).unwrap().unwrap();
        assert_eq!((settled.status.as_str(), settled.next_poll_at), ("queued", None));
    }

    #[test]
    fn no_step_scans_a_table() {
        let world = world();
        for sql in [
            "UPDATE notifications SET form = ? WHERE id = ?",
            "UPDATE runs SET log = NULL, result = NULL WHERE notification = ?",
            "UPDATE replays SET error = NULL WHERE id = ?",
            "SELECT notification FROM messages WHERE id = ? AND recipient = ?",
            "SELECT body FROM messages WHERE id = ?",
            "SELECT id FROM messages INDEXED BY messages_by_recipient WHERE recipient = ?",
            "SELECT id, body FROM messages WHERE id > ? ORDER BY id LIMIT ?",
            "SELECT r.id, n.state FROM runs r LEFT JOIN notifications n ON n.id = r.notification
             WHERE r.id > ? ORDER BY r.id LIMIT ?",
        ] {
            let mut plan = world.db.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let mut rows = plan.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let step: String = row.get(3).unwrap();
                assert!(step.starts_with("SEARCH"), "{sql}: {step}");
            }
        }
    }
}
