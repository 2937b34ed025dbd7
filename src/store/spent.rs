//! What an application has sent lately, for the caps that survive a restart.

use std::time::Duration;

use rusqlite::{Row, params};

use crate::base::{AppId, CompanyId, PhoneNumber, UnixMillis};
use crate::store::{Ledger, StoreError};

/// What was sent within the last 24 hours.
#[derive(Debug, Clone, Default)]
pub struct SentBefore {
    /// Messages of each company by full minutes since 1970, the oldest minute first.
    pub minutes: Vec<(CompanyId, i64, u32)>,
    /// Each message of the last minute, the oldest first.
    pub last_minute: Vec<SentLately>,
}

/// A message of the last minute.
#[derive(Debug, Clone)]
pub struct SentLately {
    /// In whose name.
    pub company: CompanyId,
    /// To whom.
    pub to: PhoneNumber,
    /// What, as a keyed hash.
    pub content_hash: String,
    /// When.
    pub at: UnixMillis,
}

/// What is counted, through the index over time: all but what has certainly not reached Twilio, or was not processed
/// there (429).
const COUNTED: &str = "app = ?1 AND created_at > ?2 AND created_at <= ?3 AND NOT (status = 'failed'
                       AND coalesce(error_code, '') IN ('TWILIO_UNREACHABLE', 'TOO_MANY_REQUESTS', '20429',
                                                        'SEND_NOT_FOUND', 'SETTLED_NOT_SENT'))";

fn by_minute() -> String {
    format!(
        "SELECT company, created_at / 60000 AS minute, count(*) FROM messages WHERE {COUNTED} GROUP BY minute, company"
    )
}

fn lately() -> String {
    format!(
        "SELECT company, recipient, coalesce(content_hash, ''), created_at FROM messages WHERE {COUNTED}
         ORDER BY created_at"
    )
}

impl Ledger {
    /// What an application has sent within the 24 hours before `now`.
    ///
    /// # Errors
    /// When the database fails.
    pub fn sent_before(&self, app: &AppId, now: UnixMillis) -> Result<SentBefore, StoreError> {
        let ago = |time: Duration| now.0.saturating_sub(i64::try_from(time.as_millis()).unwrap_or(0));
        let mut statement = self.connection.prepare(&by_minute())?;
        let rows =
            statement.query_map(params![app.as_str(), ago(Duration::from_hours(24)), now.0], |row| {
                let (minute, count) = (row.get(1)?, row.get(2)?);
                Ok(company(row)?.map(|company| (company, minute, count)))
            })?;
        let minutes = rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        let mut statement = self.connection.prepare(&lately())?;
        let rows = statement.query_map(params![app.as_str(), ago(Duration::from_mins(1)), now.0], |row| {
            let to = PhoneNumber::sender(row.get_ref(1)?.as_str()?).ok();
            let (content_hash, at) = (row.get(2)?, UnixMillis(row.get(3)?));
            Ok(company(row)?.zip(to).map(|(company, to)| SentLately { company, to, content_hash, at }))
        })?;
        let last_minute = rows.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
        Ok(SentBefore { minutes, last_minute })
    }
}

fn company(row: &Row<'_>) -> rusqlite::Result<Option<CompanyId>> {
    Ok(CompanyId::parse(row.get_ref(0)?.as_str()?).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::MessageId;
    use crate::store::HostDb;

    #[test]
    fn the_last_day_is_counted_by_minutes_and_the_last_minute_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("host.db");
        let db = HostDb::open(&file).unwrap();
        let now = 1_700_000_000_000_i64;
        let day = 86_400_000;
        for (app, company, at) in [
            ("a", "X", now - day),
            ("a", "X", now - day + 1),
            ("a", "X", now - 60_000),
            ("a", "Y", now - 59_999),
            ("a", "X", now - 1),
            ("a", "X", now),
            ("b", "X", now - 1),
            ("a", "X", now + 1),
        ] {
            db.connection
                .execute(
                    "INSERT INTO messages(id, app, company, account_sid, recipient, sender, status, created_at, updated_at,
                       content_hash) VALUES (?1, ?2, ?3, 'AC', '+393331234567', '', 'sent', ?4, ?4, 'h')",
                    params![MessageId::generate().as_bytes(), app, company, at],
                )
                .unwrap();
        }
        db.connection
            .execute(
                "INSERT INTO messages(id, app, company, account_sid, recipient, sender, status, created_at, updated_at,
                   error_code) VALUES (?1, 'a', 'X', 'AC', '+393331234567', '', 'failed', ?2, ?2, 'TWILIO_UNREACHABLE')",
                params![MessageId::generate().as_bytes(), now - 2],
            )
            .unwrap();
        let sent =
            Ledger::open(&file).unwrap().sent_before(&AppId::parse("a").unwrap(), UnixMillis(now)).unwrap();
        let counted: Vec<_> = sent
            .minutes
            .iter()
            .map(|(company, minute, count)| format!("{company} {} {count}", minute - now / 60_000))
            .collect();
        assert_eq!(counted, ["X -1440 1", "X -1 1", "Y -1 1", "X 0 2"]);
        let one_by_one: Vec<_> =
            sent.last_minute.iter().map(|one| (one.company.as_str(), one.at.0 - now)).collect();
        assert_eq!(one_by_one, [("Y", -59_999), ("X", -1), ("X", 0)]);
        for sql in [by_minute(), lately()] {
            let mut plan = db.connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let step: String = plan.raw_query().next().unwrap().unwrap().get(3).unwrap();
            assert!(step.starts_with("SEARCH messages USING INDEX messages_by_time"), "{step}");
        }
    }
}
