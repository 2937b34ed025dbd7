//! What leaves an application's database by its age: marks in `_host_done`, and journals that nobody will replay.
//!
//! A mark may go only when nobody can ask for it any more: its time must be over, and `host.db` must say, durably, that
//! its notification is done, or must have forgotten it. The done mark in `host.db` follows late and may be lost; while
//! it is missing, `_host_done` alone knows. Rows that belong to another `host.db` go by their age.
//!
//! A walk goes along the primary key from the oldest, in small steps, until it meets what is young. Marks are small and
//! leave in the order in which they came, so a walk a day is enough, and little more than what it deletes is read.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, params};

use crate::base::UnixMillis;
use crate::store::host_db::{open_reader, shrink_wal};
use crate::store::retention::before;
use crate::store::{AppDb, CutOffs, StoreError, journal};

/// How much longer than its notification a mark is kept.
const MARGIN: Duration = Duration::from_hours(24);
/// Rows looked at in one step.
const ROWS: usize = 256;

/// Prunes the databases of applications, with a look at `host.db`.
#[derive(Debug)]
pub struct Pruner {
    host: Connection,
    cut: CutOffs,
}

/// How far the pruning of one application's database has come.
#[derive(Debug, Clone, Default)]
pub struct PruneWalk {
    /// The last mark that was looked at: whose, and of which notification.
    done: (String, i64),
    /// The same of the journals.
    journal: (String, i64),
    stage: Stage,
    /// Rows that have left in this walk.
    removed: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Done,
    Journal,
    Finished,
}

impl PruneWalk {
    /// Whether it has come to its end.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.stage == Stage::Finished
    }

    /// How many marks and journals have left in this walk.
    #[must_use]
    pub fn removed(&self) -> u64 {
        self.removed
    }
}

/// A row that may be past its time.
struct Found {
    host: String,
    notification: i64,
    /// When the mark was made, or the run started.
    at: UnixMillis,
}

/// What `host.db` says of a notification.
enum Standing {
    Gone,
    Done { received_at: UnixMillis },
    Open { received_at: UnixMillis },
}

impl Pruner {
    /// Opens `host.db` for reading.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    pub fn open(host_db: &Path, cut: CutOffs) -> Result<Self, StoreError> {
        Ok(Self { host: open_reader(host_db)?, cut })
    }

    /// Looks at the next rows and deletes those whose time is over, in a transaction of its own.
    ///
    /// # Errors
    /// When SQLite fails, or another program holds the database.
    pub fn step(&self, db: &AppDb, walk: &mut PruneWalk) -> Result<(), StoreError> {
        let (next, over) = match walk.stage {
            Stage::Done => self.marks(db, walk)?,
            Stage::Journal => self.journals(db, walk)?,
            Stage::Finished => return Ok(()),
        };
        if !over.is_empty() {
            let sql = match walk.stage {
                Stage::Done => "DELETE FROM _host_done WHERE host = ? AND notification = ?",
                _ => "DELETE FROM _host_journal WHERE host = ? AND notification = ?",
            };
            db.begin()?;
            let deleted = db.as_host(|db, _| {
                let mut delete = db.prepare_cached(sql)?;
                over.iter()
                    .try_for_each(|row| delete.execute(params![row.host, row.notification]).map(|_| ()))
            });
            if let Err(error) = deleted {
                db.rollback()?;
                return Err(error.into());
            }
            db.commit()?;
        }
        let removed = walk.removed + u64::try_from(over.len()).unwrap_or(0);
        *walk = PruneWalk { removed, ..next };
        if walk.is_finished() {
            db.as_host(|connection, _| shrink_wal(connection, db.file()))?;
        }
        Ok(())
    }

    /// The next marks: how far they reach, and those that go.
    fn marks(&self, db: &AppDb, walk: &PruneWalk) -> Result<(PruneWalk, Vec<Found>), StoreError> {
        let found = db.as_host(|db, _| {
            let mut next = db.prepare_cached(
                "SELECT host, notification, at FROM _host_done WHERE (host, notification) > (?, ?)
                 ORDER BY host, notification LIMIT ?",
            )?;
            let limit = i64::try_from(ROWS).unwrap_or(i64::MAX);
            let rows = next.query_map(params![walk.done.0, walk.done.1, limit], |row| {
                Ok(Found { host: row.get(0)?, notification: row.get(1)?, at: UnixMillis(row.get(2)?) })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut next = walk.clone();
        if found.len() < ROWS {
            next.stage = Stage::Journal;
        }
        let cut = before(self.cut.settled, MARGIN);
        let mut over = Vec::new();
        let own = db.as_host(|_, own| own.to_owned());
        for row in found {
            if row.host == next.done.0 && row.notification <= next.done.1 {
                continue; // of a host whose rest is young
            }
            next.done = (row.host.clone(), row.notification);
            let old = row.at < cut;
            if row.host != own {
                if old {
                    over.push(row);
                } else if self.cut.ends_at(row.at) {
                    // Its numbers count up with time: what follows is younger still.
                    next.done.1 = i64::MAX;
                }
                continue;
            }
            match self.standing(row.notification)? {
                Standing::Gone | Standing::Done { .. } if old => over.push(row),
                // Done late, it may stand among the old. Only where the notification is young, all that follow are.
                Standing::Done { received_at } | Standing::Open { received_at }
                    if !old && self.cut.ends_at(received_at) =>
                {
                    next.done.1 = i64::MAX;
                }
                _ => {}
            }
        }
        Ok((next, over))
    }

    /// The next journals: how far they reach, and those that go. A run that ends takes its journal with it: what is
    /// there belongs to notifications that wait or are dead, or is left over.
    fn journals(&self, db: &AppDb, walk: &PruneWalk) -> Result<(PruneWalk, Vec<Found>), StoreError> {
        let found = db.as_host(|db, _| {
            let mut next = db.prepare_cached(
                "SELECT host, notification, fingerprint FROM _host_journal
                 WHERE (host, notification) > (?, ?) AND call = 0 ORDER BY host, notification LIMIT ?",
            )?;
            let limit = i64::try_from(ROWS).unwrap_or(i64::MAX);
            let rows = next.query_map(params![walk.journal.0, walk.journal.1, limit], |row| {
                let at = UnixMillis(journal::unpacked(&row.get::<_, Vec<u8>>(2)?).started);
                Ok(Found { host: row.get(0)?, notification: row.get(1)?, at })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        let mut next = walk.clone();
        if found.len() < ROWS {
            next.stage = Stage::Finished;
        }
        if let Some(last) = found.last() {
            next.journal = (last.host.clone(), last.notification);
        }
        let own = db.as_host(|_, own| own.to_owned());
        let (settled, dead) = (before(self.cut.settled, MARGIN), before(self.cut.dead, MARGIN));
        let mut over = Vec::new();
        for row in found {
            let goes = if row.host == own {
                row.at < settled && matches!(self.standing(row.notification)?, Standing::Gone)
            } else {
                row.at < dead
            };
            if goes {
                over.push(row);
            }
        }
        Ok((next, over))
    }

    fn standing(&self, notification: i64) -> rusqlite::Result<Standing> {
        let mut look =
            self.host.prepare_cached("SELECT received_at, state = 'done' FROM notifications WHERE id = ?")?;
        let found = look
            .query_row([notification], |row| Ok((UnixMillis(row.get(0)?), row.get::<_, bool>(1)?)))
            .optional()?;
        Ok(match found {
            None => Standing::Gone,
            Some((received_at, true)) => Standing::Done { received_at },
            Some((received_at, false)) => Standing::Open { received_at },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::NotificationId;
    use crate::store::{HostDb, JournalOrigin};

    const DAY: i64 = 86_400_000;
    const NOW: i64 = 1_000 * DAY;

    struct World {
        folder: tempfile::TempDir,
        host: HostDb,
        app: AppDb,
    }

    fn world() -> World {
        let folder = tempfile::tempdir().unwrap();
        let host = HostDb::open(&folder.path().join("host.db")).unwrap();
        let app = AppDb::open(&folder.path().join("app.db"), host.id(), crate::store::SqlLimits::default())
            .unwrap();
        host.connection.pragma_update(None, "synchronous", "OFF").unwrap();
        app.as_host(|db, _| db.pragma_update(None, "synchronous", "OFF")).unwrap();
        World { folder, host, app }
    }

    impl World {
        fn notification(&self, id: i64, at: i64, state: &str) {
            self.host
                .connection
                .execute(
                    "INSERT INTO notifications(id, key, app, company, account_sid, message_sid, status, form, source,
                       received_at, state) VALUES (?, randomblob(20), 'a', 'c', 'AC', 'SM', 's', x'', 'callback', ?, ?)",
                    params![id, at, state],
                )
                .unwrap();
        }

        fn mark(&self, host: &str, id: i64, at: i64) {
            let insert = "INSERT INTO _host_done(host, notification, at) VALUES (?, ?, ?)";
            self.app.as_host(|db, _| db.execute(insert, params![host, id, at])).unwrap();
        }

        fn own(&self) -> String {
            self.host.id().0.clone()
        }

        /// A whole walk at a time; gives how many rows have left, and in how many steps.
        fn prune(&self, now: i64) -> (u64, usize) {
            let cut = CutOffs::at(UnixMillis(now), 30 * MARGIN, 90 * MARGIN);
            let pruner = Pruner::open(&self.folder.path().join("host.db"), cut).unwrap();
            let (mut walk, mut steps) = (PruneWalk::default(), 0);
            while !walk.is_finished() {
                pruner.step(&self.app, &mut walk).unwrap();
                steps += 1;
                assert!(steps < 10_000, "it goes in circles");
            }
            (walk.removed(), steps)
        }

        fn left(&self, table: &str) -> Vec<i64> {
            self.app.as_host(|db, _| {
                let mut rows =
                    db.prepare(&format!("SELECT DISTINCT notification FROM {table} ORDER BY 1")).unwrap();
                rows.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
            })
        }
    }

    #[test]
    fn a_mark_goes_when_its_time_is_over_and_nobody_can_ask_for_it() {
        let world = world();
        let own = world.own();
        // 1 is gone from host.db, 2 is done there; of 3 and 4 it does not know yet, or not any more, that they are done.
        for (id, state) in [(2, "done"), (3, "waiting"), (4, "dead")] {
            world.notification(id, NOW - 40 * DAY, state);
        }
        for id in 1..=4 {
            world.mark(&own, id, NOW - 40 * DAY);
        }
        // 5 is gone and within the day of grace; 6 was done late, by a replay.
        world.mark(&own, 5, NOW - 31 * DAY);
        world.notification(6, NOW - 40 * DAY, "done");
        world.mark(&own, 6, NOW - DAY);
        world.mark(&own, 7, NOW - 32 * DAY);
        world.notification(8, NOW - 2 * DAY, "done");
        world.mark(&own, 8, NOW - 2 * DAY);
        assert_eq!(world.prune(NOW).0, 3);
        assert_eq!(world.left("_host_done"), [3, 4, 5, 6, 8]);
        assert_eq!(world.prune(NOW).0, 0);
        assert_eq!(world.prune(NOW + 1).0, 1);
        world.host.connection.execute("UPDATE notifications SET state = 'done'", []).unwrap();
        assert_eq!(world.prune(NOW + 1).0, 2);
        assert_eq!(world.left("_host_done"), [6, 8]);
        assert_eq!(world.prune(NOW + 400 * DAY).0, 2);
    }

    /// The same load day after day: once the first rows leave, both files live on the pages they have.
    #[test]
    fn under_steady_load_the_databases_stop_growing() {
        let world = world();
        let own = world.own();
        let pages = || {
            let count = |db: &Connection| -> i64 {
                db.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap()
            };
            (count(&world.host.connection), world.app.as_host(|db, _| count(db)))
        };
        let mut walk = crate::store::retention::Walk::default();
        let mut grown = Vec::new();
        for day in 0..140_i64 {
            let now = NOW + day * DAY;
            world.host.connection.execute_batch("BEGIN").unwrap();
            world.app.begin().unwrap();
            for n in 1..=40 {
                let id = day * 40 + n;
                // One in forty stays dead for its ninety days.
                world.notification(id, now, if n == 40 { "dead" } else { "done" });
                world
                    .host
                    .connection
                    .execute("UPDATE notifications SET form = zeroblob(600) WHERE id = ?", [id])
                    .unwrap();
                world.mark(&own, id, now);
            }
            world.app.commit().unwrap();
            let cut = CutOffs::at(UnixMillis(now), 30 * MARGIN, 90 * MARGIN);
            walk.set_out(UnixMillis(now));
            let mut swept = crate::store::Swept::default();
            while !walk.is_finished() {
                walk.step(&world.host.connection, &cut, 32, &mut swept).unwrap();
            }
            world.host.connection.execute_batch("COMMIT").unwrap();
            assert_eq!(
                swept.notifications,
                if day > 90 {
                    40
                } else if day > 30 {
                    39
                } else {
                    0
                },
                "day {day}"
            );
            world.prune(now);
            grown.push(pages());
        }
        let (steady, end) = (grown[95], grown[139]);
        assert!(steady.0 > 150 && steady.1 > 5, "{steady:?}");
        assert!(end.0 <= steady.0 + steady.0 / 20 && end.1 <= steady.1 + 2, "{steady:?} {end:?}");
    }

    #[test]
    fn marks_of_another_host_db_go_by_their_age_alone() {
        let world = world();
        let (before, after) = ("0", "zz");
        assert!(before < world.own().as_str() && world.own().as_str() < after);
        for host in [before, after] {
            for id in 1..=3 {
                world.mark(host, id, NOW - 40 * DAY);
            }
            world.mark(host, 1_000, NOW);
        }
        world.notification(3, NOW - 40 * DAY, "waiting");
        world.mark(&world.own(), 3, NOW - 40 * DAY);
        assert_eq!(world.prune(NOW).0, 6);
        assert_eq!(world.left("_host_done"), [3, 1_000]);
    }

    #[test]
    fn a_walk_ends_where_the_young_begin() {
        let world = world();
        let own = world.own();
        world.app.begin().unwrap();
        world.host.connection.execute_batch("BEGIN").unwrap();
        for id in 1..=20_000 {
            world.notification(id, NOW, "done");
            world.mark(&own, id, NOW);
            world.mark("0", id, NOW);
        }
        world.host.connection.execute_batch("COMMIT").unwrap();
        world.app.commit().unwrap();
        let (removed, steps) = world.prune(NOW + DAY);
        assert_eq!(
            (removed, steps),
            (0, 4),
            "the other's marks, the own ones, the end of them, the journals"
        );
        assert_eq!(world.prune(NOW + 40 * DAY).0, 40_000);
    }

    #[test]
    fn a_journal_goes_when_its_notification_is_gone_and_its_time_is_over() {
        let world = world();
        let started =
            |at: i64| JournalOrigin { started: at, seed: crate::base::Seed([7; 32]), generation: 0 };
        for id in 1..=3 {
            world.app.record_origin(NotificationId(id), started(NOW - 40 * DAY)).unwrap();
        }
        world.notification(1, NOW - 40 * DAY, "waiting");
        world.notification(2, NOW - 40 * DAY, "dead");
        // 4 is unknown to a host.db that was restored from a backup; the newer one may be put back.
        world.app.record_origin(NotificationId(4), started(NOW - 3 * DAY)).unwrap();
        let other = AppDb::open(
            &world.folder.path().join("app.db"),
            &crate::store::HostId("0".into()),
            crate::store::SqlLimits::default(),
        )
        .unwrap();
        other.record_origin(NotificationId(5), started(NOW - 92 * DAY)).unwrap();
        other.record_origin(NotificationId(6), started(NOW - 90 * DAY)).unwrap();
        assert_eq!(world.prune(NOW).0, 2);
        assert_eq!(world.left("_host_journal"), [1, 2, 4, 6]);
    }
}
