//! The journal of a run that sends: what makes a retry the same run (invariants 3 and 4).
//!
//! A send is a commit point: before the request leaves, the host calls made so far with their answers, and the
//! intent to send, are committed together with what the run has written. After the answer the outcome is
//! recorded. A run that is taken up again finds its origin (start and seed) and the recorded answers here, and so
//! takes the same path; a recorded intent without an outcome means that nobody knows whether the message left.
//!
//! A run that sends nothing has no journal: it is rolled back as a whole, and starts anew as a whole.

use rusqlite::{Connection, params};

use crate::base::{MessageId, NotificationId, Seed};

pub(super) const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS _host_journal (
  host TEXT NOT NULL,
  notification INTEGER NOT NULL,
  call INTEGER NOT NULL,       -- from 1; 0 holds the run's origin
  fingerprint BLOB NOT NULL,   -- of function and arguments
  answer BLOB,                 -- null: an intent whose outcome is not known
  message BLOB,                -- the host's id of the message that this call sends
  PRIMARY KEY (host, notification, call)
) STRICT, WITHOUT ROWID;
";

/// What a run's clock and randomness start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalOrigin {
    /// Milliseconds since 1970.
    pub started: i64,
    /// Of its random numbers.
    pub seed: Seed,
    /// Which of the notification's journals this is: starting a run anew makes a new one.
    pub generation: u32,
}

/// One recorded host call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalCall {
    /// Of function and arguments: another one under the same number means that the script changed its mind.
    pub fingerprint: [u8; 16],
    /// The answer in the form of the worker's protocol; `None` for an intent whose outcome is not known.
    pub answer: Option<Vec<u8>>,
    /// The message that the call sends.
    pub message: Option<MessageId>,
}

/// All that is recorded of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Journal {
    /// Where it started.
    pub origin: JournalOrigin,
    /// Its calls, in order, from the first.
    pub calls: Vec<JournalCall>,
}

pub(super) fn load(
    db: &Connection,
    host: &str,
    notification: NotificationId,
) -> rusqlite::Result<Option<Journal>> {
    let mut statement = db.prepare_cached(
        "SELECT fingerprint, answer, message FROM _host_journal WHERE host = ? AND notification = ? ORDER BY call",
    )?;
    let mut rows = statement.query(params![host, notification.0])?;
    let Some(first) = rows.next()? else { return Ok(None) };
    let origin = unpacked(&first.get::<_, Vec<u8>>(0)?);
    let mut calls = Vec::new();
    while let Some(row) = rows.next()? {
        calls.push(JournalCall {
            fingerprint: row.get(0)?,
            answer: row.get(1)?,
            message: row.get::<_, Option<[u8; 16]>>(2)?.map(MessageId::from_bytes),
        });
    }
    Ok(Some(Journal { origin, calls }))
}

/// The origin as [`write_origin`] packs it into the fingerprint of call 0.
pub(super) fn unpacked(packed: &[u8]) -> JournalOrigin {
    let mut seed = [0; 32];
    seed[..8].copy_from_slice(&part::<8>(packed, 8));
    seed[8..].copy_from_slice(&part::<24>(packed, 20));
    JournalOrigin {
        started: i64::from_le_bytes(part(packed, 0)),
        seed: Seed(seed),
        generation: u32::from_le_bytes(part(packed, 16)),
    }
}

/// Some bytes of a packed origin; what an older version did not write is zero.
fn part<const N: usize>(packed: &[u8], from: usize) -> [u8; N] {
    let mut part = [0; N];
    if let Some(bytes) = packed.get(from..from + N) {
        part.copy_from_slice(bytes);
    }
    part
}

pub(super) fn write_origin(
    db: &Connection,
    host: &str,
    notification: NotificationId,
    origin: JournalOrigin,
) -> rusqlite::Result<()> {
    write_row(db, host, notification, 0, &packed(origin), None, None)
}

fn packed(origin: JournalOrigin) -> [u8; 44] {
    // Seeds once had eight bytes; the others stand at the end.
    let mut packed = [0; 44];
    packed[..8].copy_from_slice(&origin.started.to_le_bytes());
    packed[8..16].copy_from_slice(&origin.seed.0[..8]);
    packed[16..20].copy_from_slice(&origin.generation.to_le_bytes());
    packed[20..].copy_from_slice(&origin.seed.0[8..]);
    packed
}

pub(super) fn write_call(
    db: &Connection,
    host: &str,
    notification: NotificationId,
    number: u32,
    call: &JournalCall,
) -> rusqlite::Result<()> {
    write_row(db, host, notification, number, &call.fingerprint, call.answer.as_deref(), call.message)
}

fn write_row(
    db: &Connection,
    host: &str,
    notification: NotificationId,
    number: u32,
    fingerprint: &[u8],
    answer: Option<&[u8]>,
    message: Option<MessageId>,
) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO _host_journal(host, notification, call, fingerprint, answer, message)
         VALUES (?, ?, ?, ?, ?, ?)
         ON CONFLICT DO UPDATE SET answer = excluded.answer, message = excluded.message",
    )?
    .execute(params![
        host,
        notification.0,
        number,
        fingerprint,
        answer,
        message.as_ref().map(MessageId::as_bytes)
    ])?;
    Ok(())
}

/// The messages that unfinished runs have sent, or were about to.
pub(super) fn sends(db: &Connection, host: &str) -> rusqlite::Result<Vec<(NotificationId, MessageId)>> {
    let mut statement =
        db.prepare("SELECT notification, message FROM _host_journal WHERE host = ? AND message IS NOT NULL")?;
    let rows = statement
        .query_map([host], |row| Ok((NotificationId(row.get(0)?), MessageId::from_bytes(row.get(1)?))))?;
    rows.collect()
}

pub(super) fn forget_call(
    db: &Connection,
    host: &str,
    notification: NotificationId,
    number: u32,
) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM _host_journal WHERE host = ? AND notification = ? AND call = ?")?
        .execute(params![host, notification.0, number])?;
    Ok(())
}

pub(super) fn forget(db: &Connection, host: &str, notification: NotificationId) -> rusqlite::Result<()> {
    // It holds who was written to and what: pages that become free are overwritten too.
    db.pragma_update(None, "secure_delete", "ON")?;
    let deleted = db
        .prepare_cached("DELETE FROM _host_journal WHERE host = ? AND notification = ?")
        .and_then(|mut delete| delete.execute(params![host, notification.0]));
    db.pragma_update(None, "secure_delete", "FAST")?;
    deleted.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_comes_back_whole_and_one_of_an_older_version_without_the_rest_of_its_seed() {
        let seed = Seed(std::array::from_fn(|index| u8::try_from(index).unwrap() + 1));
        let origin = JournalOrigin { started: -1_700_000_000_000, seed, generation: 3 };
        assert_eq!(unpacked(&packed(origin)), origin);
        let older = unpacked(&packed(origin)[..20]);
        assert_eq!((older.started, older.generation), (origin.started, origin.generation));
        assert_eq!((&older.seed.0[..8], &older.seed.0[8..]), (&seed.0[..8], &[0; 24][..]));
        assert_eq!(format!("{origin:?}").matches("Seed(…)").count(), 1, "it is shown nowhere");
    }
}
