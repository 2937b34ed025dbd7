//! A sweep: the deletion of what is past its time, as the inbox's writer does it between its batches.
//!
//! Small transactions, so that a callback which comes meanwhile waits for a few milliseconds at most. While callbacks
//! never cease, a transaction is put in between four times a second: that is little for them, and more than comes in.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use crate::store::host_db::shrink_wal;
use crate::store::retention::Walk;
use crate::store::{CutOffs, StoreError, Swept};

/// Rows between two looks at the clock, and at most in one transaction.
const ROWS: usize = 32;
const MOST_ROWS: usize = 512;
/// How long a transaction may delete before it commits.
const BUDGET: Duration = Duration::from_millis(5);
/// For how long others may go first.
const PATIENCE: Duration = Duration::from_millis(250);

type Reply = oneshot::Sender<Result<Swept, StoreError>>;

/// The sweep that is on, if one is, and how far it has come.
#[derive(Debug, Default)]
pub(super) struct Sweep {
    walk: Walk,
    on: Option<On>,
}

#[derive(Debug)]
struct On {
    cut: CutOffs,
    swept: Swept,
    replies: Vec<Reply>,
    last_step: Instant,
}

impl Sweep {
    /// Sets out; one that is on already goes on with the later cut-offs, and answers both.
    pub(super) fn begin(&mut self, cut: CutOffs, reply: Reply) {
        if let Some(on) = &mut self.on {
            on.cut = cut;
            on.replies.push(reply);
        } else {
            self.walk.set_out(cut.now);
            self.on =
                Some(On { cut, swept: Swept::default(), replies: vec![reply], last_step: Instant::now() });
        }
    }

    /// Whether there is something to do.
    pub(super) fn is_on(&self) -> bool {
        self.on.is_some()
    }

    /// Whether others have gone first for long enough.
    pub(super) fn is_overdue(&self) -> bool {
        self.on.as_ref().is_some_and(|on| on.last_step.elapsed() >= PATIENCE)
    }

    /// One small transaction; answers who waits when it was the last.
    ///
    /// # Errors
    /// When SQLite fails: then nothing of this step has happened.
    pub(super) fn step(&mut self, db: &mut Connection, file: &Path) -> Result<(), StoreError> {
        let Some(on) = &mut self.on else { return Ok(()) };
        let (mut walk, mut swept) = (self.walk.clone(), on.swept);
        let began = Instant::now();
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for _ in 0..MOST_ROWS / ROWS {
            walk.step(&transaction, &on.cut, ROWS, &mut swept)?;
            if walk.is_finished() || began.elapsed() >= BUDGET {
                break;
            }
        }
        transaction.commit()?;
        (self.walk, on.swept, on.last_step) = (walk, swept, Instant::now());
        if self.walk.is_finished() {
            shrink_wal(db, file)?;
            self.answer(Ok);
        }
        Ok(())
    }

    /// Gives up until somebody asks again; then from the oldest row.
    pub(super) fn fail(&mut self) {
        self.walk = Walk::default();
        self.answer(|_| Err(StoreError::Unavailable("host.db could not be written".into())));
    }

    fn answer(&mut self, answer: impl Fn(Swept) -> Result<Swept, StoreError>) {
        let Some(on) = self.on.take() else { return };
        for reply in on.replies {
            let _ = reply.send(answer(on.swept)); // whoever asked may have gone
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::base::UnixMillis;
    use crate::store::HostDb;

    #[test]
    fn a_log_that_a_standing_reader_let_grow_is_given_back() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("host.db");
        let mut db = HostDb::open(&file).unwrap();
        db.connection.pragma_update(None, "synchronous", "OFF").unwrap();
        let log = || std::fs::metadata(folder.path().join("host.db-wal")).map(|metadata| metadata.len());
        let swell = |db: &HostDb| {
            for _ in 0..80 {
                db.connection
                    .execute("INSERT INTO replays(notification, at, resend, attempts, error) VALUES (1, 1, 0, 1, hex(zeroblob(500000)))", [])
                    .unwrap();
            }
        };
        let sweep = |db: &mut HostDb| {
            let mut sweep = Sweep::default();
            let day = Duration::from_hours(24);
            sweep.begin(CutOffs::at(UnixMillis(0), day, day), oneshot::channel().0);
            while sweep.is_on() {
                sweep.step(&mut db.connection, &file).unwrap();
            }
        };
        let reader = Connection::open(&file).unwrap();
        reader.execute_batch("BEGIN; SELECT * FROM host").unwrap();
        swell(&db);
        assert!(log()? > 70 << 20, "the reader keeps it from beginning anew: {}", log()?);
        sweep(&mut db);
        assert!(log()? > 70 << 20, "the reader still stands");
        reader.execute_batch("COMMIT").unwrap();
        sweep(&mut db);
        assert_eq!(log()?, 0);
        // Without a sweep, too: the next log that begins anew is cut to its usual size.
        reader.execute_batch("BEGIN; SELECT * FROM host").unwrap();
        swell(&db);
        reader.execute_batch("COMMIT").unwrap();
        swell(&db);
        assert!(log()? <= 64 << 20, "{}", log()?);
        Ok(())
    }
}
