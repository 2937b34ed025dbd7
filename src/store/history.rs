//! What happened to a message, as far as the ledger knows.

use rusqlite::params;
use serde::Serialize;

use crate::base::UnixMillis;
use crate::store::records::message_keys;
use crate::store::rows::{number_or_word, rfc_3339};
use crate::store::{Ledger, MessageRow, StoreError};

/// A status that a message had, or was said to have: what came late stands where it came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HistoryEntry {
    /// When the host learnt it.
    #[serde(serialize_with = "rfc_3339")]
    pub at: UnixMillis,
    /// Twilio's word, or the host's.
    pub status: String,
    /// Who said so: `host`, `answer` (to the send), `callback`, `poll`.
    pub source: String,
    /// Twilio's number, or the host's own word.
    #[serde(serialize_with = "number_or_word")]
    pub error_code: Option<String>,
}

impl Ledger {
    /// The statuses of a message: that it was about to leave, the answer, then its notifications in the order of arrival;
    /// last what the host or a person has concluded, where nobody else said so.
    ///
    /// # Errors
    /// When the database fails.
    pub fn history(&self, message: &MessageRow) -> Result<Vec<HistoryEntry>, StoreError> {
        let entry = |at, status: &str, source: &str, error_code| HistoryEntry {
            at,
            status: status.to_owned(),
            source: source.to_owned(),
            error_code,
        };
        let mut history = vec![entry(message.created_at, "sending", "host", None)];
        let now = |status: &str| message.error_code.clone().filter(|_| status == message.status);
        if let (Some(status), Some(at)) = (&message.first_status, message.answered_at) {
            let source = if status == "unknown" { "host" } else { "answer" };
            history.push(entry(at, status, source, now(status)));
        }
        if let Some(sid) = &message.sid {
            let (first, last) = message_keys(sid);
            let mut statement = self.connection.prepare_cached(
                "SELECT received_at, status, source, form FROM notifications
                 WHERE key BETWEEN ?1 AND ?2 AND message_sid = ?3 AND app = ?4 AND account_sid = ?5 ORDER BY id",
            )?;
            let rows = statement.query_map(
                params![first, last, sid, message.app_id, message.account_sid],
                |row| {
                    let form = row.get_ref(3)?.as_blob()?;
                    Ok(HistoryEntry {
                        at: UnixMillis(row.get(0)?),
                        status: row.get(1)?,
                        source: row.get(2)?,
                        error_code: error_code(form),
                    })
                },
            )?;
            for row in rows {
                history.push(row?);
            }
        }
        if !history.iter().any(|entry| entry.status == message.status) {
            history.push(entry(message.updated_at, &message.status, "host", message.error_code.clone()));
        }
        Ok(history)
    }
}

/// `ErrorCode` of a form, where it is not empty or zero.
fn error_code(form: &[u8]) -> Option<String> {
    let (_, code) = form_urlencoded::parse(form).filter(|(name, _)| name == "ErrorCode").last()?;
    Some(code.into_owned()).filter(|code| !code.is_empty() && code != "0")
}
