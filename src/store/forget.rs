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
    db.prepare_cached("UPDATE notifications SET form = ? WHERE id = ?")?
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
