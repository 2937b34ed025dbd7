//! What leaves `host.db` by its age.
//!
//! Everything is numbered in the order in which it came (ids of notifications count up, ids of messages are
//! `UUIDv7`s), so the oldest stand together at the beginning: a [`Walk`] goes along the primary keys from there, a few
//! rows at a time, until it meets what is young, and the next one goes on where it ended. What it has passed and left
//! (waiting, dead, in doubt) is looked at again in the next *lap*, which begins once a day, so that a pile of dead
//! letters does not make every walk slow.

use std::time::Duration;

use rusqlite::{Connection, params};

use crate::base::{MessageStatus, UnixMillis, Window};

/// How long until a walk begins at the oldest row again.
pub(super) const LAP: Duration = Duration::from_hours(24);

/// Until when something must have come to leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutOffs {
    /// The moment now: what came later came by a clock that was wrong, and does not end a walk.
    pub now: UnixMillis,
    /// For what is settled.
    pub settled: UnixMillis,
    /// For what is dead, in doubt or never settled.
    pub dead: UnixMillis,
}

impl CutOffs {
    /// What is older than these spans at `now`.
    #[must_use]
    pub fn at(now: UnixMillis, retention: Duration, dead_retention: Duration) -> Self {
        Self { now, settled: before(now, retention), dead: before(now, dead_retention) }
    }

    /// Whether what came at `at` is too young to leave, and all that came after it.
    pub(super) fn ends_at(&self, at: UnixMillis) -> bool {
        at >= self.settled && at <= self.now
    }
}

/// The moment `span` before `moment`.
pub(super) fn before(moment: UnixMillis, span: Duration) -> UnixMillis {
    UnixMillis(moment.0.saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)))
}

/// How many rows have left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Notifications, with their runs and replays.
    pub notifications: u64,
    /// Runs that were started by hand.
    pub runs: u64,
    /// Messages.
    pub messages: u64,
    /// Windows that closed long ago.
    pub windows: u64,
}

/// How far the deletion has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Walk {
    /// When this lap began; at first long ago.
    lap: UnixMillis,
    stage: Stage,
    /// The last notification that was looked at.
    notification: i64,
    /// The last run by hand that was looked at.
    run: i64,
    /// The last message that was looked at.
    message: [u8; 16],
    /// The last window that was looked at.
    window: [String; 4],
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Notifications,
    Runs,
    Messages,
    Windows,
    Finished,
}

impl Walk {
    /// Sets out once more: from where the last walk ended, or, once a day, from the oldest row.
    pub(super) fn set_out(&mut self, now: UnixMillis) {
        self.stage = Stage::Notifications;
        // A clock that was set back must not put the next lap off for ever.
        if now.since(self.lap) >= LAP || self.lap > now {
            *self = Self { lap: now, ..Self::default() };
        }
    }

    /// Whether it has met what is young.
    pub(super) fn is_finished(&self) -> bool {
        self.stage == Stage::Finished
    }

    /// Looks at the next `rows` rows and deletes those whose time is over, within the caller's transaction.
    ///
    /// # Errors
    /// When SQLite fails.
    pub(super) fn step(
        &mut self,
        db: &Connection,
        cut: &CutOffs,
        rows: usize,
        swept: &mut Swept,
    ) -> rusqlite::Result<()> {
        match self.stage {
            Stage::Notifications => self.notifications(db, cut, rows, swept),
            Stage::Runs => self.runs(db, cut, rows, swept),
            Stage::Messages => self.messages(db, cut, rows, swept),
            Stage::Windows => self.windows(db, cut, rows, swept),
            Stage::Finished => Ok(()),
        }
    }

    fn notifications(
        &mut self,
        db: &Connection,
        cut: &CutOffs,
        rows: usize,
        swept: &mut Swept,
    ) -> rusqlite::Result<()> {
        let mut next = db.prepare_cached(
            "SELECT id, received_at, state FROM notifications WHERE id > ? ORDER BY id LIMIT ?",
        )?;
        let found = next.query_map(params![self.notification, limit(rows)], |row| {
            let state = row.get_ref(2)?.as_str()?;
            Ok((row.get::<_, i64>(0)?, UnixMillis(row.get(1)?), state == "done", state == "dead"))
        })?;
        let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
        for (id, received_at, done, dead) in &found {
            if cut.ends_at(*received_at) {
                self.stage = Stage::Runs;
                return Ok(());
            }
            self.notification = *id;
            if *done && *received_at < cut.settled || *dead && *received_at < cut.dead {
                db.prepare_cached("DELETE FROM runs WHERE notification = ?")?.execute([id])?;
                db.prepare_cached("DELETE FROM replays WHERE notification = ?")?.execute([id])?;
                db.prepare_cached("DELETE FROM notifications WHERE id = ?")?.execute([id])?;
                swept.notifications += 1;
            }
        }
        if found.len() < rows {
            self.stage = Stage::Runs;
        }
        Ok(())
    }

    /// Runs by hand: those without a notification stand together in the index over `notification`, oldest first.
    fn runs(
        &mut self,
        db: &Connection,
        cut: &CutOffs,
        rows: usize,
        swept: &mut Swept,
    ) -> rusqlite::Result<()> {
        let mut next = db.prepare_cached(
            "SELECT id, started_at FROM runs WHERE notification IS NULL AND id > ? ORDER BY id LIMIT ?",
        )?;
        let found = next.query_map(params![self.run, limit(rows)], |row| {
            Ok((row.get::<_, i64>(0)?, UnixMillis(row.get(1)?)))
        })?;
        let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
        for (id, started_at) in &found {
            if cut.ends_at(*started_at) {
                self.stage = Stage::Messages;
                return Ok(());
            }
            self.run = *id;
            if *started_at < cut.settled {
                db.prepare_cached("DELETE FROM runs WHERE id = ?")?.execute([id])?;
                swept.runs += 1;
            }
        }
        if found.len() < rows {
            self.stage = Stage::Messages;
        }
        Ok(())
    }

    fn messages(
        &mut self,
        db: &Connection,
        cut: &CutOffs,
        rows: usize,
        swept: &mut Swept,
    ) -> rusqlite::Result<()> {
        let mut next = db.prepare_cached(
            "SELECT id, created_at, status, notification FROM messages WHERE id > ? ORDER BY id LIMIT ?",
        )?;
        let found = next.query_map(params![self.message, limit(rows)], |row| {
            let settled = MessageStatus::parse(row.get_ref(2)?.as_str()?).is_settled();
            Ok((row.get::<_, [u8; 16]>(0)?, UnixMillis(row.get(1)?), settled, row.get::<_, Option<i64>>(3)?))
        })?;
        let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
        for (id, created_at, settled, sender) in &found {
            if cut.ends_at(*created_at) {
                self.stage = Stage::Windows;
                return Ok(());
            }
            self.message = *id;
            if *created_at < if *settled { cut.settled } else { cut.dead } && !is_open(db, *sender)? {
                db.prepare_cached("DELETE FROM messages WHERE id = ?")?.execute([id])?;
                swept.messages += 1;
            }
        }
        if found.len() < rows {
            self.stage = Stage::Windows;
        }
        Ok(())
    }

    /// Windows stand in no order of time: a lap looks at each once, and none of its walks at one twice.
    fn windows(
        &mut self,
        db: &Connection,
        cut: &CutOffs,
        rows: usize,
        swept: &mut Swept,
    ) -> rusqlite::Result<()> {
        let mut next = db.prepare_cached(
            "SELECT app, company, sender, person, last_message_at FROM windows
             WHERE (app, company, sender, person) > (?, ?, ?, ?) ORDER BY app, company, sender, person LIMIT ?",
        )?;
        let [app, company, sender, person] = &self.window;
        let found = next.query_map(params![app, company, sender, person, limit(rows)], |row| {
            let key = [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?];
            Ok((key, Window { last_message_at: UnixMillis(row.get(4)?) }))
        })?;
        let found = found.collect::<rusqlite::Result<Vec<_>>>()?;
        if found.len() < rows {
            self.stage = Stage::Finished;
        }
        for (key, window) in found {
            if window.last_message_at < cut.settled && !window.is_open(cut.now) {
                db.prepare_cached(
                    "DELETE FROM windows WHERE app = ? AND company = ? AND sender = ? AND person = ?",
                )?
                .execute(params![key[0], key[1], key[2], key[3]])?;
                swept.windows += 1;
            }
            self.window = key;
        }
        Ok(())
    }
}

/// Whether the run that sent a message may be taken up again: it may then ask what became of the message.
fn is_open(db: &Connection, sender: Option<i64>) -> rusqlite::Result<bool> {
    let Some(sender) = sender else { return Ok(false) };
    db.prepare_cached("SELECT 1 FROM notifications WHERE id = ? AND state <> 'done'")?.exists([sender])
}

fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::MessageId;
    use crate::store::HostDb;

    const DAY: i64 = 86_400_000;
    /// Day 1,000 since 1970.
    const NOW: i64 = 1_000 * DAY;

    fn open() -> (tempfile::TempDir, HostDb) {
        let folder = tempfile::tempdir().unwrap();
        let db = HostDb::open(&folder.path().join("host.db")).unwrap();
        db.connection.pragma_update(None, "synchronous", "OFF").unwrap();
        (folder, db)
    }

    fn notification(db: &Connection, at: i64, state: &str) -> i64 {
        db.execute(
            "INSERT INTO notifications(key, app, company, account_sid, message_sid, status, form, source,
               received_at, state) VALUES (randomblob(20), 'a', 'c', 'AC', 'SM', 'sent', x'00', 'callback', ?, ?)",
            params![at, state],
        )
        .unwrap();
        let id = db.last_insert_rowid();
        run(db, Some(id), at);
        id
    }

    fn run(db: &Connection, notification: Option<i64>, at: i64) {
        db.execute(
            "INSERT INTO runs(notification, app, company, action, script_version, attempts, reason, cpu_us, wall_us,
               peak_memory_bytes, host_calls, started_at) VALUES (?, 'a', 'c', 'x', '', 1, 'completed', 1, 1, 1, 0, ?)",
            params![notification, at],
        )
        .unwrap();
    }

    fn message(db: &Connection, at: i64, status: &str, sender: Option<i64>) {
        db.execute(
            "INSERT INTO messages(id, app, company, account_sid, notification, recipient, sender, status, created_at,
               updated_at) VALUES (?1, 'a', 'c', 'AC', ?2, '+39', '+1', ?3, ?4, ?4)",
            params![MessageId::generate().as_bytes(), sender, status, at],
        )
        .unwrap();
    }

    fn cut(now: i64) -> CutOffs {
        CutOffs::at(UnixMillis(now), Duration::from_hours(30 * 24), Duration::from_hours(90 * 24))
    }

    /// A whole walk, in steps of `rows`; also says how many steps it took.
    fn sweep(db: &Connection, walk: &mut Walk, now: i64, rows: usize) -> (Swept, usize) {
        let (mut swept, mut steps) = (Swept::default(), 0);
        walk.set_out(UnixMillis(now));
        while !walk.is_finished() {
            walk.step(db, &cut(now), rows, &mut swept).unwrap();
            steps += 1;
            assert!(steps < 10_000, "it goes in circles");
        }
        (swept, steps)
    }

    fn list(db: &Connection, sql: &str) -> Vec<String> {
        let mut statement = db.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn what_is_settled_leaves_before_what_is_dead_and_what_waits_never_does() {
        let (_folder, db) = open();
        let db = &db.connection;
        for age in [2_000, 91, 90, 89, 31, 30, 29, 0] {
            for state in ["waiting", "done", "dead"] {
                let id = notification(db, NOW - age * DAY, state);
                db.execute(
                    "INSERT INTO replays(notification, at, resend, attempts) VALUES (?, 1, 0, 1)",
                    [id],
                )
                .unwrap();
            }
            run(db, None, NOW - age * DAY);
        }
        let (swept, _) = sweep(db, &mut Walk::default(), NOW, 3);
        assert_eq!(swept, Swept { notifications: 7, runs: 5, ..Swept::default() });
        let ages = |state: &str| {
            list(
                db,
                &format!(
                    "SELECT group_concat(({NOW} - received_at) / {DAY}, ' ') FROM notifications WHERE state = '{state}'"
                ),
            )
        };
        assert_eq!(ages("waiting"), ["2000 91 90 89 31 30 29 0"]);
        assert_eq!(ages("done"), ["30 29 0"], "thirty days to the millisecond are not more than thirty days");
        assert_eq!(ages("dead"), ["90 89 31 30 29 0"]);
        let orphans = "SELECT id || '' FROM runs WHERE notification NOT IN (SELECT id FROM notifications)
                       UNION SELECT id || '' FROM replays WHERE notification NOT IN (SELECT id FROM notifications)";
        assert_eq!(list(db, orphans), [""; 0]);
        assert_eq!(list(db, "SELECT count(*) || '' FROM runs"), ["20"]);
        assert_eq!(list(db, "SELECT count(*) || '' FROM replays"), ["17"]);
    }

    #[test]
    fn a_message_stays_until_its_fate_is_known_or_nobody_will_ask_any_more() {
        let (_folder, db) = open();
        let db = &db.connection;
        let senders = ["done", "waiting", "dead"].map(|state| notification(db, NOW - 40 * DAY, state));
        for sender in senders {
            message(db, NOW - 100 * DAY, "undelivered", Some(sender));
        }
        for age in [100, 40, 20] {
            for status in ["delivered", "read", "failed", "sent", "sending", "unknown", "new word"] {
                message(db, NOW - age * DAY, status, None);
            }
        }
        let (swept, _) = sweep(db, &mut Walk::default(), NOW, 2);
        assert_eq!(swept.messages, 7 + 3 + 1);
        assert_eq!(
            list(db, &format!("SELECT (({NOW} - created_at) / {DAY}) || status FROM messages ORDER BY 1")),
            [
                "100undelivered",
                "100undelivered",
                "20delivered",
                "20failed",
                "20new word",
                "20read",
                "20sending",
                "20sent",
                "20unknown",
                "40new word",
                "40sending",
                "40sent",
                "40unknown",
            ]
        );
    }

    #[test]
    fn what_was_passed_is_looked_at_again_a_day_later_and_not_before() {
        let (_folder, db) = open();
        let db = &db.connection;
        let mut walk = Walk::default();
        for _ in 0..100 {
            notification(db, NOW - 40 * DAY, "dead");
        }
        let late = notification(db, NOW - 40 * DAY, "waiting");
        notification(db, NOW - 40 * DAY, "done");
        let (swept, steps) = sweep(db, &mut walk, NOW, 10);
        assert_eq!((swept.notifications, steps), (1, 11 + 1 + 1 + 1));
        // A pile of dead letters is not walked over again within the day, and what is due behind it is found.
        db.execute("UPDATE notifications SET state = 'done' WHERE id = ?", [late]).unwrap();
        notification(db, NOW - 30 * DAY, "done");
        notification(db, NOW, "done");
        let hour = DAY / 24;
        let (swept, steps) = sweep(db, &mut walk, NOW + hour, 10);
        assert_eq!((swept.notifications, steps), (1, 1 + 1 + 1 + 1));
        let (swept, steps) = sweep(db, &mut walk, NOW + 24 * hour, 10);
        assert_eq!((swept.notifications, steps), (1, 11 + 1 + 1 + 1), "the one that waited is done now");
        // The clock is set back: the next lap does not wait until it has caught up.
        notification(db, NOW - 500 * DAY, "done");
        assert_eq!(sweep(db, &mut walk, NOW - 400 * DAY, 10).0.notifications, 1);
    }

    #[test]
    fn a_moment_of_a_wrong_clock_does_not_stop_the_deletion_behind_it() {
        let (_folder, db) = open();
        let db = &db.connection;
        let mut walk = Walk::default();
        for at in [NOW + 10_000 * DAY, NOW - 40 * DAY] {
            notification(db, at, "done");
            run(db, None, at);
            message(db, at, "read", None);
        }
        let (swept, _) = sweep(db, &mut walk, NOW, 1);
        assert_eq!(swept, Swept { notifications: 1, runs: 1, messages: 1, windows: 0 });
        // What comes behind it leaves in its turn.
        run(db, None, NOW - 30 * DAY);
        run(db, None, NOW);
        assert_eq!(sweep(db, &mut walk, NOW + 1, 1).0.runs, 1);
        assert_eq!(list(db, "SELECT count(*) || '' FROM runs WHERE notification IS NULL"), ["2"]);
    }

    #[test]
    fn windows_leave_when_they_closed_long_ago() {
        let (_folder, db) = open();
        let db = &db.connection;
        for age in [31, 30, 2, 1, 0] {
            db.execute(
                "INSERT INTO windows VALUES ('a', 'c', '+1', ?, ?)",
                params![format!("+39{age}"), NOW - age * DAY],
            )
            .unwrap();
        }
        let mut walk = Walk::default();
        assert_eq!(sweep(db, &mut walk, NOW, 2).0.windows, 1);
        let people = || list(db, "SELECT group_concat(person, ' ') FROM windows");
        assert_eq!(people(), ["+390 +391 +392 +3930"]);
        // Later on the same day nobody is looked at again; on the next day everybody is.
        assert_eq!(sweep(db, &mut walk, NOW + DAY / 2, 2).0.windows, 0);
        assert_eq!(sweep(db, &mut walk, NOW + DAY, 2).0.windows, 1);
        assert_eq!(people(), ["+390 +391 +392"]);
        // However short the retention is, what is open stays.
        let (mut walk, mut swept) = (Walk::default(), Swept::default());
        let cut = CutOffs::at(UnixMillis(NOW), Duration::ZERO, Duration::ZERO);
        while !walk.is_finished() {
            walk.step(db, &cut, 10, &mut swept).unwrap();
        }
        assert_eq!((swept.windows, people()), (2, vec!["+390".to_owned()]));
    }

    #[test]
    fn no_statement_of_the_deletion_scans_a_table() {
        let (_folder, db) = open();
        for sql in [
            "SELECT id, received_at, state FROM notifications WHERE id > ? ORDER BY id LIMIT ?",
            "SELECT id, started_at FROM runs WHERE notification IS NULL AND id > ? ORDER BY id LIMIT ?",
            "SELECT id, created_at, status, notification FROM messages WHERE id > ? ORDER BY id LIMIT ?",
            "SELECT app, company, sender, person, last_message_at FROM windows
             WHERE (app, company, sender, person) > (?, ?, ?, ?) ORDER BY app, company, sender, person LIMIT ?",
            "DELETE FROM runs WHERE notification = ?",
            "DELETE FROM replays WHERE notification = ?",
        ] {
            let mut plan = db.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let mut rows = plan.raw_query();
            while let Some(row) = rows.next().unwrap() {
                let step: String = row.get(3).unwrap();
                assert!(step.starts_with("SEARCH"), "{sql}: {step}");
            }
        }
    }
}
