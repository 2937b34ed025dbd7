//! Which rows a list shows, and the SQL that reads them by an index.

use rusqlite::types::Value;
use serde::{Deserialize, Serialize};

use crate::base::{PhoneNumber, UnixMillis, debug_only};

/// Which rows a list shows: the newest first.
#[derive(Clone, Default, Deserialize, Serialize)]
pub struct Filter {
    /// Of one application.
    pub app: Option<String>,
    /// Of one company.
    pub company: Option<String>,
    /// A message's status, a notification's state or a run's reason.
    pub status: Option<String>,
    /// Messages to this number, in its E.164 form.
    pub to: Option<String>,
    /// From this moment on: when a message was created, a notification came, a run's last attempt began.
    pub since: Option<UnixMillis>,
    /// Before this moment.
    pub until: Option<UnixMillis>,
    /// At most so many; 50 if not given.
    pub limit: Option<u32>,
}

debug_only!(Filter { app, company, status, since, until, limit });

/// The rest of a SELECT, with its values.
#[derive(Debug, Default)]
pub(super) struct Tail {
    pub(super) sql: String,
    pub(super) values: Vec<Value>,
}

/// All applications that have messages, found by steps along the index over their times.
const APPLICATIONS: &str = "app IN (WITH RECURSIVE apps(app) AS (SELECT min(app) FROM messages UNION ALL
    SELECT (SELECT min(m.app) FROM messages m WHERE m.app > apps.app) FROM apps WHERE apps.app IS NOT NULL)
    SELECT app FROM apps WHERE app IS NOT NULL)";

impl Filter {
    /// Only messages to this number.
    #[must_use]
    pub fn to(number: &PhoneNumber) -> Self {
        Self { to: Some(number.to_string()), ..Self::default() }
    }

    /// Messages: by the recipient, else by application and time, else by their ids, which were given out in time.
    pub(super) fn messages(&self) -> Tail {
        let mut tail = self.messages_unsorted();
        let by_id = self.to.is_none() && !self.is_by_time();
        tail.sql.push_str(if by_id { " ORDER BY id DESC" } else { " ORDER BY created_at DESC, id DESC" });
        self.limit(tail)
    }

    /// The conditions on messages alone, and the index to find them by.
    pub(super) fn messages_unsorted(&self) -> Tail {
        let mut conditions = Conditions::default();
        if self.is_by_time() && self.app.is_none() {
            conditions.sql.push(APPLICATIONS.to_owned());
        }
        conditions.text("recipient = ?", self.to.as_ref());
        self.common(&mut conditions, "status", "created_at");
        let index = if self.to.is_some() {
            " INDEXED BY messages_by_recipient"
        } else if self.is_by_time() {
            " INDEXED BY messages_by_time"
        } else {
            ""
        };
        conditions.tail(index)
    }

    fn is_by_time(&self) -> bool {
        self.to.is_none() && (self.app.is_some() || self.since.is_some() || self.until.is_some())
    }

    /// Notifications: from the newest on, until there are enough.
    pub(super) fn notifications(&self) -> Tail {
        self.by_id("state", "received_at")
    }

    /// Runs: likewise.
    pub(super) fn runs(&self) -> Tail {
        self.by_id("reason", "started_at")
    }

    fn by_id(&self, status_column: &str, time_column: &str) -> Tail {
        let mut conditions = Conditions::default();
        self.common(&mut conditions, status_column, time_column);
        let mut tail = conditions.tail("");
        tail.sql.push_str(" ORDER BY id DESC");
        self.limit(tail)
    }

    fn common(&self, conditions: &mut Conditions, status_column: &str, time_column: &str) {
        conditions.text("app = ?", self.app.as_ref());
        conditions.text("company = ?", self.company.as_ref());
        conditions.text(&format!("{status_column} = ?"), self.status.as_ref());
        conditions.time(&format!("{time_column} >= ?"), self.since);
        conditions.time(&format!("{time_column} < ?"), self.until);
    }

    fn limit(&self, mut tail: Tail) -> Tail {
        tail.sql.push_str(" LIMIT ?");
        tail.values.push(Value::from(i64::from(self.limit.unwrap_or(50).min(10_000))));
        tail
    }
}

#[derive(Default)]
struct Conditions {
    sql: Vec<String>,
    values: Vec<Value>,
}

impl Conditions {
    fn text(&mut self, sql: &str, value: Option<&String>) {
        self.one(sql, value.map(|value| Value::from(value.clone())));
    }

    fn time(&mut self, sql: &str, value: Option<UnixMillis>) {
        self.one(sql, value.map(|at| Value::from(at.0)));
    }

    fn one(&mut self, sql: &str, value: Option<Value>) {
        if let Some(value) = value {
            self.sql.push(sql.to_owned());
            self.values.push(value);
        }
    }

    fn tail(self, index: &str) -> Tail {
        let conditions = if self.sql.is_empty() { "1".to_owned() } else { self.sql.join(" AND ") };
        Tail { sql: format!("{index} WHERE {conditions}"), values: self.values }
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::params_from_iter;

    use super::*;
    use crate::base::MessageId;
    use crate::store::{HostDb, Ledger};

    fn world() -> (tempfile::TempDir, HostDb, Ledger) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("host.db");
        let db = HostDb::open(&file).unwrap();
        for (app, company, to, status, at) in [
            ("a", "x", "+391", "read", 10),
            ("a", "y", "+392", "failed", 20),
            ("b", "x", "+391", "read", 30),
            ("b", "x", "+393", "sent", 40),
            ("c", "y", "+391", "sent", 50),
        ] {
            db.connection
                .execute(
                    "INSERT INTO messages(id, app, company, account_sid, recipient, sender, status, created_at,
                       updated_at) VALUES (?, ?, ?, 'AC', ?, '+1', ?, ?, 1)",
                    (MessageId::generate().as_bytes(), app, company, to, status, at),
                )
                .unwrap();
        }
        let ledger = Ledger::open(&file).unwrap();
        (folder, db, ledger)
    }

    fn text(word: &str) -> String {
        word.to_owned()
    }

    #[test]
    fn every_filter_narrows_and_the_newest_comes_first() {
        let (_folder, _db, ledger) = world();
        let found = |filter: Filter| -> Vec<i64> {
            ledger.messages(&filter).unwrap().iter().map(|row| row.created_at.0).collect()
        };
        let (all, at) = (Filter::default(), |at| Some(UnixMillis(at)));
        assert_eq!(found(all.clone()), [50, 40, 30, 20, 10]);
        assert_eq!(found(Filter { limit: Some(2), ..all.clone() }), [50, 40]);
        assert_eq!(found(Filter { app: Some(text("b")), ..all.clone() }), [40, 30]);
        assert_eq!(found(Filter { company: Some(text("x")), ..all.clone() }), [40, 30, 10]);
        assert_eq!(found(Filter { status: Some(text("sent")), ..all.clone() }), [50, 40]);
        assert_eq!(found(Filter { to: Some(text("+391")), ..all.clone() }), [50, 30, 10]);
        assert_eq!(found(Filter { to: Some(text("+391")), app: Some(text("b")), ..all.clone() }), [30]);
        assert_eq!(found(Filter { since: at(20), ..all.clone() }), [50, 40, 30, 20]);
        assert_eq!(found(Filter { since: at(20), until: at(40), ..all.clone() }), [30, 20]);
        assert_eq!(found(Filter { until: at(40), company: Some(text("x")), ..all.clone() }), [30, 10]);
        assert_eq!(found(Filter { to: Some(text("+391")), since: at(11), limit: Some(1), ..all }), [50]);
    }

    #[test]
    fn no_list_of_messages_by_recipient_or_time_scans_the_table() {
        let (_folder, db, _ledger) = world();
        let at = Some(UnixMillis(20));
        for filter in [
            Filter { to: Some(text("+391")), ..Filter::default() },
            Filter { to: Some(text("+391")), since: at, app: Some(text("a")), ..Filter::default() },
            Filter { since: at, ..Filter::default() },
            Filter { app: Some(text("a")), ..Filter::default() },
            Filter {
                app: Some(text("a")),
                since: at,
                until: at,
                status: Some(text("read")),
                ..Filter::default()
            },
        ] {
            let tail = filter.messages();
            let sql = format!("EXPLAIN QUERY PLAN SELECT * FROM messages{}", tail.sql);
            let mut plan = db.connection.prepare(&sql).unwrap();
            let plan = plan.query_map(params_from_iter(tail.values), |row| row.get::<_, String>(3)).unwrap();
            let plan: Vec<_> = plan.map(Result::unwrap).collect();
            assert!(plan.iter().any(|step| step.starts_with("SEARCH messages USING INDEX")), "{plan:?}");
            assert!(!plan.iter().any(|step| step.starts_with("SCAN messages")), "{plan:?}");
            let sorts = plan.iter().any(|step| step.contains("ORDER BY"));
            assert_eq!(sorts, filter.to.is_some() || filter.app.is_none(), "{plan:?}");
        }
    }
}
