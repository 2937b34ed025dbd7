//! What of a number is left in the files of a database after its rows are gone.
//!
//! SQLite leaves copies of rows behind in room that no row uses: when it divides a page, for instance. `secure_delete`
//! overwrites most of that and not all, so after a person was forgotten the log is written into the database, and both
//! files are read through. What is still found goes with `VACUUM`, which writes the file anew and needs it alone.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use crate::base::PhoneNumber;
use crate::store::digits::places;
use crate::store::host_db::log_file;
use crate::store::{HostDb, StoreError};

/// How much is read at once.
const CHUNK: u64 = 1 << 20;
/// How long readers are waited for at once.
const WAIT: Duration = Duration::from_millis(100);
/// How often they are.
const TRIES: u32 = 15;

/// How often the number stands in `host.db` and its log, when the log was written into the database as far as readers
/// let it.
///
/// # Errors
/// When the database or a file cannot be read.
pub fn traces(host_db: &Path, number: &PhoneNumber) -> Result<u64, StoreError> {
    empty_log(host_db)?;
    Ok(count_in(host_db, number)? + count_in(&log_file(host_db), number)?)
}

/// Begins a new log, from a connection of its own: the inbox's writer waits for a tenth of a second at most.
fn empty_log(host_db: &Path) -> Result<(), StoreError> {
    let connection = Connection::open(host_db)?;
    connection.busy_timeout(WAIT)?;
    for attempt in 0..TRIES {
        if attempt > 0 {
            // Who waits for readers keeps writers out: now they have their turn.
            std::thread::sleep(WAIT);
        }
        let in_the_way = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0));
        match in_the_way {
            Ok(false) => break,
            Ok(true) => {}
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseBusy) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

fn count_in(file: &Path, number: &PhoneNumber) -> Result<u64, StoreError> {
    let fail = |cause| StoreError::DataFolder { path: file.to_owned(), cause };
    match File::open(file) {
        Ok(source) => count(source, CHUNK, number).map_err(fail),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(0),
        Err(error) => Err(fail(error)),
    }
}

/// Counts in chunks; what ends where a chunk ends is judged with the next one.
fn count(mut source: impl Read, chunk: u64, number: &PhoneNumber) -> std::io::Result<u64> {
    let length = number.digits().len();
    let (mut held, mut found) = (Vec::new(), 0);
    loop {
        let undecided = held.len().saturating_sub(length);
        let is_last = source.by_ref().take(chunk).read_to_end(&mut held)? == 0;
        let decided = |begin: &usize| *begin >= undecided && (is_last || begin + length < held.len());
        found += places(&held, number).filter(decided).count() as u64;
        if is_last {
            return Ok(found);
        }
        // With the two zeros that may stand before a number, and what stands before them.
        held.drain(..held.len().saturating_sub(length + 3));
    }
}

impl HostDb {
    /// Writes the file anew, without what rows have left behind. Takes as long as the file is large, and as much room
    /// again; for a host that is not up.
    ///
    /// # Errors
    /// When SQLite fails, for want of room for instance.
    pub fn rewrite(&mut self) -> Result<(), StoreError> {
        self.connection.execute_batch("VACUUM")?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows that grew and pages that were divided left copies behind before `secure_delete` was on: no statement reaches
    /// them.
    #[test]
    fn what_rows_leave_behind_is_found_and_goes_when_the_file_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("host.db");
        let mut db = HostDb::open(&file).unwrap();
        let numbers = (0..40).map(|n| PhoneNumber::sender(&format!("+3933312345{n:02}")).unwrap());
        let numbers: Vec<_> = numbers.collect();
        db.connection.execute_batch("PRAGMA secure_delete = OFF; BEGIN").unwrap();
        for n in 0..4_000 {
            let id = crate::base::MessageId::generate();
            let insert =
                "INSERT INTO messages(id, app, company, account_sid, recipient, sender, status, created_at,
                updated_at) VALUES (?, 'a', 'c', 'AC', ?, '+1', 'sending', 1, 1)";
            db.connection.execute(insert, (id.as_bytes(), numbers[n % 40].as_str())).unwrap();
            let update = "UPDATE messages SET status = 'queued', sid = ? WHERE id = ?";
            db.connection.execute(update, (format!("SM{n:032x}"), id.as_bytes())).unwrap();
        }
        db.connection.execute_batch("COMMIT").unwrap();
        let one = &numbers[7];
        assert!(traces(&file, one).unwrap() >= 200, "in the table and in an index");
        let ledger = crate::store::Ledger::open(&file).unwrap();
        let ids: Vec<_> = ledger.messages_to(one).unwrap().iter().map(|row| row.id).collect();
        assert_eq!(ids.len(), 100);
        let what = crate::store::Erase::Messages(ids);
        let erasure = crate::store::Erasure { number: one.clone(), what };
        crate::store::forget::erase(&db.connection, &erasure).unwrap();
        drop(ledger);
        assert_eq!(
            db.connection.query_row(
                "SELECT count(*) FROM messages WHERE recipient = 'forgotten'",
                [],
                |row| { row.get::<_, i64>(0) }
            ),
            Ok(100)
        );
        assert!(traces(&file, one).unwrap() > 0, "if this fails, `rewrite` is not needed any more");
        db.rewrite().unwrap();
        assert_eq!(traces(&file, one).unwrap(), 0);
        assert!(traces(&file, &numbers[8]).unwrap() >= 200, "others are there");
    }

    #[test]
    fn a_number_is_counted_once_wherever_the_chunks_end() {
        let number = PhoneNumber::sender("+393331234567").unwrap();
        let text = b"..+393331234567;00393331234567 x393331234567\x003933312345678 393331234567";
        for chunk in 1..=text.len() as u64 + 1 {
            assert_eq!(count(&text[..], chunk, &number).unwrap(), 4, "{chunk}");
        }
        assert_eq!(count(&b"1393331234567"[..], 1, &number).unwrap(), 0);
    }
}
