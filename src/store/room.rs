//! How large an application's database may become (`limits.database_mb`), and how the host finds room in it all the
//! same.
//!
//! SQLite has one maximum of pages for a connection. Ordinarily it is the scripts', and nothing is done about it: a look
//! at the number of pages per transaction. Where the file is near the maximum, or the transaction before came to
//! nothing (the host may have found no room), the host's own maximum is in force, a reserve beyond the scripts', and
//! gives way to theirs for each of their statements that writes. So `_host_done` and `_host_journal` take what they
//! need in a database that a script has filled, and a run that deletes can be committed.
//!
//! Of the log nothing has to be known: within one transaction SQLite writes a page into it once, and over it when it
//! changes again, so one transaction makes it as large as the database at most.

use std::cell::Cell;

use rusqlite::Connection;

use super::authorizer::HostMode;

/// What the host may need beyond the scripts' maximum, in bytes.
const RESERVE: i64 = 64 << 20;

/// The maxima of one connection, in pages.
pub(super) struct Room {
    scripts: i64,
    hosts: i64,
    /// Whether the host's maximum is in force between scripts' statements.
    near: Cell<bool>,
    /// Whether the last transaction that began has not been committed.
    open: Cell<bool>,
}

impl Room {
    /// Puts the scripts' maximum in force. A file that is larger already stays as it is: it does not grow.
    pub(super) fn measure(db: &Connection, bytes: i64) -> rusqlite::Result<Self> {
        let page_size: i64 = db.pragma_query_value(None, "page_size", |row| row.get(0))?;
        let page_size = page_size.max(512); // SQLite's smallest
        let scripts = (bytes / page_size).max(1);
        let room = Self {
            scripts,
            hosts: scripts.max(pages(db)?) + RESERVE / page_size,
            near: Cell::new(false),
            open: Cell::new(false),
        };
        set(db, room.scripts)?;
        Ok(room)
    }

    /// A transaction has begun; with the host's rights.
    pub(super) fn begin(&self, db: &Connection) -> rusqlite::Result<()> {
        let near = self.open.replace(true) || pages(db)? > self.scripts / 4 * 3;
        if self.near.replace(near) != near {
            set(db, if near { self.hosts } else { self.scripts })?;
        }
        Ok(())
    }

    /// The transaction has been committed.
    pub(super) fn committed(&self) {
        self.open.set(false);
    }

    /// Runs a statement of a script's that writes.
    pub(super) fn for_script<T>(
        &self,
        db: &Connection,
        mode: &HostMode,
        work: impl FnOnce() -> T,
    ) -> rusqlite::Result<T> {
        if !self.near.get() {
            return Ok(work());
        }
        mode.with(|| set(db, self.scripts))?;
        let result = work();
        mode.with(|| set(db, self.hosts))?;
        Ok(result)
    }
}

fn pages(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("PRAGMA page_count")?.query_row([], |row| row.get(0))
}

fn set(db: &Connection, pages: i64) -> rusqlite::Result<()> {
    let pages = pages.min(i64::from(u32::MAX) - 1); // SQLite's largest
    db.prepare_cached(&format!("PRAGMA max_page_count = {pages}"))?.query_row([], |_| Ok(()))
}
