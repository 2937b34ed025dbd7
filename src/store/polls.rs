//! Messages that Twilio is asked about: which are due, what else could be theirs, and what was learnt.

use rusqlite::{Connection, Row, params};

use crate::base::{
    AccountSid, AppId, CompanyId, MessageId, MessageSid, MessageStatus, PhoneNumber, Price, UnixMillis,
    schedule,
};

use crate::store::records::{Accepted, NewNotification, Receipt, message_keys};
use crate::store::writes::{known_message, update_message, write_notification, write_price};
use crate::store::{Ledger, StoreError};

/// The host's conclusion that a message in doubt was never sent, because Twilio's log does not show it.
pub const SEND_NOT_FOUND: &str = "SEND_NOT_FOUND";

/// Statuses after which Twilio is not asked any more ([`MessageStatus::is_settled`]), for SQL.
pub(super) const SETTLED: &str = "('delivered', 'read', 'failed', 'undelivered', 'canceled', 'received')";

/// A message of the ledger, as reconciliation sees it.
#[derive(Debug, Clone)]
pub struct PolledMessage {
    /// The host's id.
    pub id: MessageId,
    /// Twilio's, if it is known.
    pub sid: Option<MessageSid>,
    /// The application.
    pub app: AppId,
    /// The company.
    pub company: CompanyId,
    /// The account that sent it.
    pub account: AccountSid,
    /// To whom.
    pub to: PhoneNumber,
    /// From whom: `whatsapp:+1…` or a messaging service.
    pub from: String,
    /// What the ledger says of it.
    pub status: MessageStatus,
    /// When it was first about to leave.
    pub created: UnixMillis,
    /// When its record last changed: for one in doubt, when it was last tried.
    pub updated: UnixMillis,
    /// How often Twilio was asked.
    pub polls: u32,
    /// When it is asked next.
    pub due: Option<UnixMillis>,
}

/// What came of looking at a message that was due.
#[derive(Debug, Clone)]
pub struct Polled {
    /// The message.
    pub id: MessageId,
    /// Whether Twilio was asked.
    pub asked: bool,
    /// The time at which it was due; if that has changed meanwhile, `next` does not count.
    pub due: Option<UnixMillis>,
    /// When it is due next; `None`: not any more.
    pub next: Option<UnixMillis>,
    /// What was learnt.
    pub learnt: Learnt,
    /// What Twilio's record with this sid says that it cost.
    pub price: Option<(MessageSid, Price)>,
    /// When.
    pub at: UnixMillis,
}

/// What was learnt of a message.
#[derive(Debug, Clone)]
pub enum Learnt {
    /// Nothing that is to be recorded.
    Nothing,
    /// A status, as a notification: kept if it is news to the ledger.
    Status(Box<NewNotification>),
    /// Which of Twilio's messages one in doubt is. Its status is one that no notification tells.
    Sid {
        /// Twilio's id.
        sid: MessageSid,
        /// Twilio's word.
        status: MessageStatus,
    },
    /// What the host concludes of a message in doubt by itself.
    Conclusion {
        /// `unknown` or `failed`.
        status: MessageStatus,
        /// The host's code.
        code: &'static str,
        /// A sentence.
        message: String,
    },
}

/// Nobody asks about a message whose recipient was forgotten.
const IS_KNOWN: &str = "recipient <> 'forgotten'";

const COLUMNS: &str = "id, sid, app, company, account_sid, recipient, sender, status, created_at, updated_at, polls, \
                       next_poll_at";

impl Ledger {
    /// Messages that are due at `now`, those that wait longest first; at most `most`.
    ///
    /// # Errors
    /// When the database fails.
    pub fn due_messages(&self, now: UnixMillis, most: usize) -> Result<Vec<PolledMessage>, StoreError> {
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let mut found =
            self.polled("next_poll_at <= ?1 ORDER BY next_poll_at LIMIT ?2", params![now.0, most])?;
        if found.is_empty() {
            // From a clock that was wrong: such a time would never come.
            let furthest = now.plus(schedule::FURTHEST);
            found =
                self.polled("next_poll_at > ?1 ORDER BY next_poll_at LIMIT ?2", params![furthest.0, most])?;
        }
        Ok(found)
    }

    /// When the next message is due; `None`: none waits.
    ///
    /// # Errors
    /// When the database fails.
    pub fn next_poll_at(&self) -> Result<Option<UnixMillis>, StoreError> {
        let sql = "SELECT min(next_poll_at) FROM messages WHERE next_poll_at IS NOT NULL";
        Ok(self.connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0))?.map(UnixMillis))
    }

    /// One message.
    ///
    /// # Errors
    /// When the database fails.
    pub fn polled_message(&self, id: MessageId) -> Result<Option<PolledMessage>, StoreError> {
        Ok(self.polled("id = ?", params![id.as_bytes()])?.pop())
    }

    /// The other messages to the same recipient from the same account that have no sid, in doubt or on their way.
    ///
    /// # Errors
    /// When the database fails.
    pub fn rivals(&self, message: &PolledMessage) -> Result<Vec<PolledMessage>, StoreError> {
        self.polled(
            "recipient = ?1 AND sid IS NULL AND status IN ('sending', 'unknown') AND account_sid = ?2 AND id <> ?3",
            params![message.to.as_str(), message.account.as_str(), message.id.as_bytes()],
        )
    }

    /// Whether a sid belongs to a message of the ledger, or a notification of it has come. One that came for a message
    /// in doubt has resolved the doubt already, so it is another's.
    ///
    /// # Errors
    /// When the database fails.
    pub fn knows_sid(&self, sid: &MessageSid) -> Result<bool, StoreError> {
        let (first, last) = message_keys(sid.as_str());
        let sql = "SELECT EXISTS (SELECT 1 FROM messages WHERE sid = ?1)
                       OR EXISTS (SELECT 1 FROM notifications WHERE key BETWEEN ?2 AND ?3 AND message_sid = ?1)";
        Ok(self
            .connection
            .prepare_cached(sql)?
            .query_row(params![sid.as_str(), first, last], |row| row.get(0))?)
    }

    fn polled(
        &self,
        condition: &str,
        values: impl rusqlite::Params,
    ) -> Result<Vec<PolledMessage>, StoreError> {
        let mut statement = self
            .connection
            .prepare_cached(&format!("SELECT {COLUMNS} FROM messages WHERE {IS_KNOWN} AND {condition}"))?;
        let rows = statement.query_map(values, polled_message)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

fn polled_message(row: &Row<'_>) -> rusqlite::Result<PolledMessage> {
    let invalid = |column: usize| {
        rusqlite::Error::InvalidColumnType(column, "messages".into(), rusqlite::types::Type::Text)
    };
    let text = |column: usize| row.get_ref(column)?.as_str().map_err(rusqlite::Error::from);
    let sid: Option<String> = row.get(1)?;
    Ok(PolledMessage {
        id: MessageId::from_bytes(row.get(0)?),
        sid: sid.map(|sid| MessageSid::parse(&sid).map_err(|_| invalid(1))).transpose()?,
        app: AppId::parse(text(2)?).map_err(|_| invalid(2))?,
        company: CompanyId::parse(text(3)?).map_err(|_| invalid(3))?,
        account: AccountSid::parse(text(4)?).map_err(|_| invalid(4))?,
        to: PhoneNumber::sender(text(5)?).map_err(|_| invalid(5))?,
        from: row.get(6)?,
        status: MessageStatus::parse(text(7)?),
        created: UnixMillis(row.get(8)?),
        updated: UnixMillis(row.get(9)?),
        polls: row.get(10)?,
        due: row.get::<_, Option<i64>>(11)?.map(UnixMillis),
    })
}

/// Records what came of looking at a message.
pub(super) fn write_polled(
    db: &Connection,
    polled: &Polled,
    accepted: &mut Vec<Accepted>,
) -> rusqlite::Result<()> {
    // Forgotten while Twilio was asked: what it told names the recipient again.
    let is_known = db
        .prepare_cached(&format!("SELECT 1 FROM messages WHERE {IS_KNOWN} AND id = ?"))?
        .exists([polled.id.as_bytes()])?;
    if !is_known {
        return Ok(());
    }
    match &polled.learnt {
        Learnt::Nothing => {}
        Learnt::Status(new) => write_status(db, polled.id, new, accepted)?,
        Learnt::Sid { sid, status } => {
            db.prepare_cached(
                "UPDATE messages SET sid = ?2, status = ?3, error_code = NULL, error_message = NULL, updated_at = ?4
                 WHERE id = ?1 AND sid IS NULL AND status IN ('sending', 'unknown')
                   AND NOT EXISTS (SELECT 1 FROM messages WHERE sid = ?2)",
            )?
            .execute(params![polled.id.as_bytes(), sid.as_str(), status.as_str(), polled.at.0])?;
        }
        // `updated_at` stays while the message is in doubt: it says when it was last tried.
        Learnt::Conclusion { status, code, message } => {
            db.prepare_cached(
                "UPDATE messages SET status = ?2, error_code = ?3, error_message = ?4,
                        updated_at = CASE WHEN ?2 = 'unknown' THEN updated_at ELSE ?5 END
                 WHERE id = ?1 AND sid IS NULL AND status IN ('sending', 'unknown') AND status <> ?2",
            )?
            .execute(params![
                polled.id.as_bytes(),
                status.as_str(),
                code,
                message,
                polled.at.0
            ])?;
        }
    }
    if let Some((sid, price)) = &polled.price {
        // Only where the record is this message's: what was learnt may have been overtaken.
        let is_its = db
            .prepare_cached("SELECT 1 FROM messages WHERE id = ? AND sid = ?")?
            .exists(params![polled.id.as_bytes(), sid.as_str()])?;
        if is_its {
            write_price(db, polled.id, price)?;
        }
    }
    db.prepare_cached(&format!(
        "UPDATE messages SET polls = polls + ?2,
                next_poll_at = CASE WHEN status IN {SETTLED} THEN NULL
                                    WHEN next_poll_at IS ?3 THEN ?4 ELSE next_poll_at END
         WHERE id = ?1"
    ))?
    .execute(params![
        polled.id.as_bytes(),
        i64::from(polled.asked),
        polled.due.map(|at| at.0),
        polled.next.map(|at| at.0)
    ])?;
    Ok(())
}

/// A status that Twilio was asked for: a notification like any other, if it is news.
fn write_status(
    db: &Connection,
    id: MessageId,
    new: &NewNotification,
    accepted: &mut Vec<Accepted>,
) -> rusqlite::Result<()> {
    // What was learnt of another message meanwhile, or of this one, counts more.
    let Some((known, recorded)) = known_message(db, new)?.filter(|(known, _)| *known == id) else {
        return Ok(());
    };
    let taken = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM messages WHERE sid = ?1 AND id <> ?2)")?
        .query_row(params![new.message_sid.as_str(), id.as_bytes()], |row| row.get::<_, bool>(0))?;
    if taken || !(recorded.is_untouched || recorded.status.may_become(&new.status)) {
        return Ok(());
    }
    if write_notification(db, new, accepted)? == Receipt::Repeat {
        // Its callback came before anyone knew whose message it is.
        update_message(db, known, &recorded, new)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
