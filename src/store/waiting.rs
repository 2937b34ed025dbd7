//! Reading what waits for its action, piece by piece: memory holds a window of it, and the rest stays on the disk.

use rusqlite::{CachedStatement, Connection, Row, ToSql};

use crate::base::{AppId, CompanyId, MessageId, MessageSid, MessageStatus, NotificationId, UnixMillis};
use crate::store::records::message_keys;
use crate::store::{Accepted, Conversation, Ledger, Line, Source, StoreError};

/// A notification that waits for its action.
#[derive(Debug, Clone)]
pub struct Waiting {
    /// What the pipeline needs.
    pub accepted: Accepted,
    /// Attempts so far.
    pub attempts: u32,
    /// How often its run killed its worker.
    pub kills: u32,
    /// When it is tried again; `None`: it was never tried, or its attempt was interrupted.
    pub next_attempt_at: Option<UnixMillis>,
    /// Of its run's journal: an older one does not count.
    pub generation: u32,
}

impl Waiting {
    /// About how much memory it takes, in bytes: its form, and as much again as everything around it.
    #[must_use]
    pub fn weight(&self) -> usize {
        weight(&self.accepted.form)
    }
}

/// About how much memory a waiting notification with this form takes.
#[must_use]
pub fn weight(form: &[u8]) -> usize {
    form.len() + 512
}

/// A place in the order of times at which something is tried again.
pub type Scheduled = (UnixMillis, NotificationId);

/// A piece of what waits.
#[derive(Debug, Default)]
pub struct Piece {
    /// In order.
    pub rows: Vec<Waiting>,
    /// Whether there is nothing after them.
    pub is_last: bool,
}

const COLUMNS: &str = "id, app, company, message_sid, message, form, attempts, kills, next_attempt_at, status, \
                       generation, source, conversation";

/// What belongs to a line: few rows that stand together by their keys, or many that an index has in order.
/// The `+` keeps SQLite from going along the numbers instead.
const OF_MESSAGE: &str =
    "+id BETWEEN ?1 AND ?2 AND key BETWEEN ?5 AND ?6 AND message_sid = ?7 AND conversation IS NULL";
const OF_CONVERSATION: &str = "id BETWEEN ?1 AND ?2 AND conversation = ?5";

impl Ledger {
    /// What was never tried and came after `after`, in the order of arrival: at least one, if there is one, and then as
    /// many as weigh no more than `most` bytes.
    ///
    /// # Errors
    /// When the database fails.
    pub fn fresh(&self, app: &AppId, after: NotificationId, most: usize) -> Result<Piece, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM notifications
             WHERE app = ? AND state = 'waiting' AND next_attempt_at IS NULL AND id > ? ORDER BY id"
        );
        Ok(piece(self.connection.prepare_cached(&sql)?, &[&app.as_str(), &after.0], most)?)
    }

    /// What is tried again, after `after` in the order of its times; as much as [`Ledger::fresh`].
    ///
    /// # Errors
    /// When the database fails.
    pub fn scheduled(&self, app: &AppId, after: Scheduled, most: usize) -> Result<Piece, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM notifications
             WHERE app = ? AND state = 'waiting' AND next_attempt_at IS NOT NULL AND (next_attempt_at, id) > (?, ?)
             ORDER BY next_attempt_at, id"
        );
        Ok(piece(self.connection.prepare_cached(&sql)?, &[&app.as_str(), &after.0.0, &after.1.0], most)?)
    }

    /// What waits in a line and came after `after`, in the order of arrival: as many as `most`.
    ///
    /// # Errors
    /// When the database fails.
    pub fn waiting_of(
        &self,
        app: &AppId,
        line: &Line,
        after: NotificationId,
        most: usize,
    ) -> Result<Piece, StoreError> {
        let mut rows = self.in_line(app, line, COLUMNS, (after.0 + 1, i64::MAX), most + 1, waiting)?;
        let is_last = rows.len() <= most;
        rows.truncate(most);
        Ok(Piece { rows, is_last })
    }

    /// The numbers of what waits in a line and came before `before`: the first `most` of them.
    ///
    /// # Errors
    /// When the database fails.
    pub fn waiting_before(
        &self,
        app: &AppId,
        line: &Line,
        before: NotificationId,
        most: usize,
    ) -> Result<Vec<NotificationId>, StoreError> {
        self.in_line(app, line, "id", (0, before.0 - 1), most, |row| Ok(NotificationId(row.get(0)?)))
    }

    /// What waits in a line between two numbers, in the order of arrival.
    fn in_line<T>(
        &self,
        app: &AppId,
        line: &Line,
        columns: &str,
        (from, to): (i64, i64),
        most: usize,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let (first, last);
        let (condition, of_line): (_, &[&dyn ToSql]) = match line {
            Line::Message(sid) => {
                (first, last) = message_keys(sid.as_str());
                (OF_MESSAGE, &[&from, &to, &app.as_str(), &most, &first, &last, &sid.as_str()])
            }
            Line::Conversation(conversation) => {
                (OF_CONVERSATION, &[&from, &to, &app.as_str(), &most, conversation])
            }
        };
        let mut statement = self.connection.prepare_cached(&in_line(columns, condition))?;
        let rows = statement.query_map(of_line, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// Whether a notification waits and was never tried to its end.
    ///
    /// # Errors
    /// When the database fails.
    pub fn is_fresh(&self, id: NotificationId) -> Result<bool, StoreError> {
        let mut statement = self.connection.prepare_cached(
            "SELECT 1 FROM notifications WHERE id = ? AND state = 'waiting' AND next_attempt_at IS NULL",
        )?;
        Ok(statement.exists([id.0])?)
    }

    /// The largest number that a notification has ever had, also one that is forgotten by now.
    ///
    /// # Errors
    /// When the database fails.
    pub fn last_number(&self) -> Result<NotificationId, StoreError> {
        // SQLite keeps AUTOINCREMENT's counter there: https://sqlite.org/autoinc.html
        let sql = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'notifications'), 0)";
        Ok(self.connection.query_row(sql, [], |row| row.get(0).map(NotificationId))?)
    }

    /// The applications for which something waits.
    ///
    /// # Errors
    /// When the database fails.
    pub fn applications_with_waiting(&self) -> Result<Vec<String>, StoreError> {
        // From one name to the next along the index, however many rows each has.
        let mut next = self.connection.prepare(
            "SELECT min(app) FROM (
               SELECT min(app) AS app FROM notifications
                 WHERE app > ?1 AND state = 'waiting' AND next_attempt_at IS NULL
               UNION ALL
               SELECT min(app) FROM notifications
                 WHERE app > ?1 AND state = 'waiting' AND next_attempt_at IS NOT NULL)",
        )?;
        let mut found: Vec<String> = Vec::new();
        while let Some(app) =
            next.query_row([found.last().map_or("", String::as_str)], |row| row.get::<_, Option<String>>(0))?
        {
            found.push(app);
        }
        Ok(found)
    }
}

fn in_line(columns: &str, condition: &str) -> String {
    format!(
        "SELECT {columns} FROM notifications
         WHERE state = 'waiting' AND app = ?3 AND {condition} ORDER BY id LIMIT ?4"
    )
}

fn piece(mut statement: CachedStatement<'_>, values: &[&dyn ToSql], most: usize) -> rusqlite::Result<Piece> {
    let mut rows = statement.query(values)?;
    let mut piece = Piece::default();
    let mut weight = 0;
    while let Some(row) = rows.next()? {
        if weight >= most && !piece.rows.is_empty() {
            return Ok(piece);
        }
        let waiting = waiting(row)?;
        weight += waiting.weight();
        piece.rows.push(waiting);
    }
    piece.is_last = true;
    Ok(piece)
}

/// Everything that waits and came after `after`, in the order of arrival.
pub(super) fn waiting_after(db: &Connection, after: NotificationId) -> rusqlite::Result<Vec<Waiting>> {
    let mut statement = db.prepare(&format!(
        "SELECT {COLUMNS} FROM notifications WHERE state = 'waiting' AND id > ? ORDER BY id"
    ))?;
    let rows = statement.query_map([after.0], waiting)?;
    rows.collect()
}

fn waiting(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    let invalid =
        |column: usize| rusqlite::Error::InvalidColumnType(column, "id".into(), rusqlite::types::Type::Text);
    let form: Vec<u8> = row.get(5)?;
    let message_sid = MessageSid::parse(row.get_ref(3)?.as_str()?).map_err(|_| invalid(3))?;
    let conversation = row.get::<_, Option<[u8; 16]>>(12)?.map(Conversation::from_bytes);
    Ok(Waiting {
        accepted: Accepted {
            id: NotificationId(row.get(0)?),
            app: AppId::parse(row.get_ref(1)?.as_str()?).map_err(|_| invalid(1))?,
            company: CompanyId::parse(row.get_ref(2)?.as_str()?).map_err(|_| invalid(2))?,
            line: Line::of(&message_sid, conversation),
            message_sid,
            message: row.get::<_, Option<[u8; 16]>>(4)?.map(MessageId::from_bytes),
            status: MessageStatus::parse(row.get_ref(9)?.as_str()?),
            form: form.into(),
            source: Source::parse(row.get_ref(11)?.as_str()?),
        },
        attempts: row.get(6)?,
        kills: row.get(7)?,
        next_attempt_at: row.get::<_, Option<i64>>(8)?.map(UnixMillis),
        generation: row.get(10)?,
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::params;

    use super::*;
    use crate::store::HostDb;

    fn ledger_with(rows: i64) -> (tempfile::TempDir, HostDb, Ledger) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("host.db");
        let db = HostDb::open(&file).unwrap();
        for id in 1..=rows {
            let sid = format!("SM{:032x}", id % 3);
            let key = [&crate::store::records::message_prefix(&sid)[..], &id.to_le_bytes(), &[0; 4]].concat();
            let next = (id % 2 == 0).then_some(1000 - id);
            db.connection
                .execute(
                    "INSERT INTO notifications(key, app, company, account_sid, message_sid, status, form, source,
                       received_at, state, next_attempt_at)
                     VALUES (?, 'demo', 'A', 'AC', ?, 'sent', x'00', 'callback', 1, 'waiting', ?)",
                    params![key, sid, next],
                )
                .unwrap();
        }
        let ledger = Ledger::open(&file).unwrap();
        (folder, db, ledger)
    }

    fn ids(rows: &[Waiting]) -> Vec<i64> {
        rows.iter().map(|row| row.accepted.id.0).collect()
    }

    #[test]
    fn pieces_follow_one_another_until_nothing_is_left() {
        let (_folder, _db, ledger) = ledger_with(9);
        let app = AppId::parse("demo").unwrap();
        let first = ledger.fresh(&app, NotificationId(0), 1000).unwrap();
        assert_eq!((ids(&first.rows), first.is_last), (vec![1, 3], false));
        let second = ledger.fresh(&app, NotificationId(3), 100_000).unwrap();
        assert_eq!((ids(&second.rows), second.is_last), (vec![5, 7, 9], true));
        let soonest = ledger.scheduled(&app, (UnixMillis(i64::MIN), NotificationId(0)), 1).unwrap();
        assert_eq!((ids(&soonest.rows), soonest.is_last), (vec![8], false));
        let rest = ledger.scheduled(&app, (UnixMillis(992), NotificationId(8)), 100_000).unwrap();
        assert_eq!((ids(&rest.rows), rest.is_last), (vec![6, 4, 2], true));
        let line = Line::Message(MessageSid::parse(&format!("SM{:032x}", 1)).unwrap());
        let whole = ledger.waiting_of(&app, &line, NotificationId(0), 3).unwrap();
        assert_eq!((ids(&whole.rows), whole.is_last), (vec![1, 4, 7], true));
        let before = ledger.waiting_before(&app, &line, NotificationId(7), 9).unwrap();
        assert_eq!(before, [NotificationId(1), NotificationId(4)]);
        assert!(ledger.is_fresh(NotificationId(1)).unwrap() && !ledger.is_fresh(NotificationId(2)).unwrap());
        assert_eq!(ledger.applications_with_waiting().unwrap(), ["demo"]);
    }

    #[test]
    fn a_conversation_is_read_in_pieces_whatever_waits() {
        let (_folder, db, ledger) = ledger_with(9);
        let app = AppId::parse("demo").unwrap();
        let conversation = Conversation::of_form("demo", "A", b"To=a&From=b").unwrap();
        let set = "UPDATE notifications SET conversation = ? WHERE id <> 3";
        db.connection.execute(set, [conversation]).unwrap();
        db.connection.execute("UPDATE notifications SET state = 'done' WHERE id = 2", []).unwrap();
        let line = Line::Conversation(conversation);
        let piece = |after, most| {
            let piece = ledger.waiting_of(&app, &line, NotificationId(after), most).unwrap();
            assert!(piece.rows.iter().all(|row| row.accepted.line == line));
            (ids(&piece.rows), piece.is_last)
        };
        assert_eq!(piece(0, 3), (vec![1, 4, 5], false));
        assert_eq!(piece(5, 4), (vec![6, 7, 8, 9], true));
        let before = ledger.waiting_before(&app, &line, NotificationId(9), 2).unwrap();
        assert_eq!(before, [NotificationId(1), NotificationId(4)]);
        // What somebody wrote is not a status of a message, whatever its sid.
        let message = Line::Message(MessageSid::parse(&format!("SM{:032x}", 0)).unwrap());
        assert_eq!(ids(&ledger.waiting_of(&app, &message, NotificationId(0), 9).unwrap().rows), [3]);
    }

    #[test]
    fn no_piece_needs_a_scan_or_a_sort() {
        let (_folder, db, ledger) = ledger_with(1);
        let app = AppId::parse("demo").unwrap();
        ledger.fresh(&app, NotificationId(0), 1).unwrap();
        let fresh = "SELECT id FROM notifications WHERE app = ? AND state = 'waiting' AND next_attempt_at IS NULL AND id > ?
             ORDER BY id";
        let scheduled =
            "SELECT id FROM notifications WHERE app = ? AND state = 'waiting' AND next_attempt_at IS NOT NULL
             AND (next_attempt_at, id) > (?, ?) ORDER BY next_attempt_at, id";
        let plan_of = |sql: &str| -> Vec<String> {
            let mut statement = db.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let values = std::iter::repeat_n(0, statement.parameter_count());
            let rows = statement.query_map(rusqlite::params_from_iter(values), |row| row.get(3)).unwrap();
            rows.map(Result::unwrap).collect()
        };
        for (sql, index) in [
            (fresh, "notifications_fresh"),
            (scheduled, "notifications_due"),
            (&in_line(COLUMNS, OF_CONVERSATION), "notifications_conversation"),
            (&in_line("id", OF_CONVERSATION), "notifications_conversation"),
        ] {
            let plan = plan_of(sql);
            assert!(
                plan.len() == 1 && plan[0].starts_with("SEARCH") && plan[0].contains(index),
                "{sql}: {plan:?}"
            );
        }
        // The few of a message stand together, and are sorted.
        let plan = plan_of(&in_line(COLUMNS, OF_MESSAGE));
        assert!(plan[0].starts_with("SEARCH") && plan[0].contains("(key>? AND key<?)"), "{plan:?}");
    }
}
