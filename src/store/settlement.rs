//! A person's word on a message in doubt.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use crate::base::{MessageId, MessageSid, MessageStatus, UnixMillis};
use crate::store::{HostDb, StoreError};

/// The code of a message that a person has settled as not sent.
pub const SETTLED_NOT_SENT: &str = "SETTLED_NOT_SENT";

/// What a person has found out.
#[derive(Debug, Clone)]
pub struct Settlement {
    /// The message.
    pub id: MessageId,
    /// What became of it.
    pub fate: Fate,
    /// When it was said.
    pub at: UnixMillis,
}

/// What became of a message in doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// Twilio has it under this id.
    Sent(MessageSid),
    /// Twilio never took it.
    NotSent,
}

/// What came of a settlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It is recorded.
    Done,
    /// There is no such message.
    NoSuchMessage,
    /// The message is not in doubt; what the ledger says of it.
    NotInDoubt(MessageStatus),
    /// The sid is another message's.
    SidTaken(MessageId),
}

impl HostDb {
    /// Records a person's word, while no host is up.
    ///
    /// # Errors
    /// When the database fails.
    pub fn settle(&mut self, settlement: &Settlement) -> Result<Settled, StoreError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let settled = write_settlement(&transaction, settlement)?;
        transaction.commit()?;
        Ok(settled)
    }
}

/// Settles a message that is in doubt. One that was sent is `queued` and due at once, so that Twilio is asked for what
/// became of it.
pub(super) fn write_settlement(db: &Connection, settlement: &Settlement) -> rusqlite::Result<Settled> {
    let Settlement { id, fate, at } = settlement;
    let found = db
        .query_row("SELECT status, sid IS NOT NULL FROM messages WHERE id = ?", [id.as_bytes()], |row| {
            Ok((MessageStatus::parse(row.get_ref(0)?.as_str()?), row.get::<_, bool>(1)?))
        })
        .optional()?;
    let Some((status, has_sid)) = found else { return Ok(Settled::NoSuchMessage) };
    if has_sid || !matches!(status.as_str(), "sending" | "unknown") {
        return Ok(Settled::NotInDoubt(status));
    }
    match fate {
        Fate::Sent(sid) => {
            let other = db
                .query_row("SELECT id FROM messages WHERE sid = ?", [sid.as_str()], |row| row.get(0))
                .optional()?;
            if let Some(other) = other {
                return Ok(Settled::SidTaken(MessageId::from_bytes(other)));
            }
            db.execute(
                "UPDATE messages SET sid = ?2, status = 'queued', error_code = NULL, error_message = NULL,
                        updated_at = ?3,
                        next_poll_at = CASE WHEN recipient = 'forgotten' THEN NULL ELSE ?3 END WHERE id = ?1",
                params![id.as_bytes(), sid.as_str(), at.0],
            )?;
        }
        Fate::NotSent => {
            db.execute(
                "UPDATE messages SET status = 'failed', error_code = ?2, error_message = ?3, updated_at = ?4,
                        next_poll_at = NULL WHERE id = ?1",
                params![
                    id.as_bytes(),
                    SETTLED_NOT_SENT,
                    "A person has found out that the message was not sent",
                    at.0
                ],
            )?;
        }
    }
    Ok(Settled::Done)
}
