//! Everything that `host.db` keeps about one person: found by the person's phone number.
//!
//! Messages to the number stand in an index. Notifications, runs and replays name it anywhere in their forms and texts,
//! so their tables are read through, a page at a time: by a reader, which holds nobody up.

use std::collections::HashSet;

use rusqlite::{Row, params};

use crate::base::{MessageId, NotificationId, PhoneNumber, RunId};
use crate::store::digits::{form_names, names};
use crate::store::{Ledger, MessageRow, OptOutRow, StoreError};

/// Rows of one page.
const PAGE: usize = 500;

/// One number, and the messages to it.
#[derive(Debug)]
pub struct Person {
    /// The number.
    pub number: PhoneNumber,
    /// The messages to it, the newest first.
    pub messages: Vec<MessageRow>,
    ids: HashSet<MessageId>,
    sids: HashSet<String>,
    /// The notifications whose runs sent them.
    senders: HashSet<i64>,
}

/// A notification that has to do with the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concerned {
    /// Its number.
    pub id: NotificationId,
    /// The application.
    pub app: String,
    /// Whether its action may still run.
    pub waits: bool,
    /// Whether it was given up.
    pub is_dead: bool,
    /// Whether it is about the person: of a message to the number, or with the number in its form. Otherwise its run has
    /// sent a message to it.
    pub is_about: bool,
}

/// A row of another table that names the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mention<T> {
    /// Which.
    pub id: T,
    /// The notification that it belongs to.
    pub notification: Option<NotificationId>,
    /// Whether that one's action may still run.
    pub waits: bool,
}

impl Person {
    /// Reads what is known of a number.
    ///
    /// # Errors
    /// When the database fails.
    pub fn find(ledger: &Ledger, number: &PhoneNumber) -> Result<Self, StoreError> {
        let messages = ledger.messages_to(number)?;
        Ok(Self {
            number: number.clone(),
            ids: messages.iter().map(|row| row.id).collect(),
            sids: messages.iter().filter_map(|row| row.sid.clone()).collect(),
            senders: messages.iter().filter_map(|row| row.notification_id).collect(),
            messages,
        })
    }

    /// Every notification that has to do with the person, in the order of arrival.
    ///
    /// # Errors
    /// When the database fails.
    pub fn notifications(&self, ledger: &Ledger) -> Result<Vec<Concerned>, StoreError> {
        let sql = "SELECT id, app, state, message, message_sid, form FROM notifications WHERE id > ? ORDER BY id LIMIT ?";
        walk(ledger, sql, 0, |row| {
            let id: i64 = row.get(0)?;
            let message = row.get::<_, Option<[u8; 16]>>(3)?.map(MessageId::from_bytes);
            let is_about = message.is_some_and(|message| self.ids.contains(&message))
                || self.sids.contains(row.get_ref(4)?.as_str()?)
                || form_names(row.get_ref(5)?.as_blob()?, &self.number);
            let found = if is_about || self.senders.contains(&id) {
                let state = row.get_ref(2)?.as_str()?;
                let (waits, is_dead) = (state == "waiting", state == "dead");
                Some(Concerned { id: NotificationId(id), app: row.get(1)?, waits, is_dead, is_about })
            } else {
                None
            };
            Ok((id, found))
        })
    }

    /// Runs whose log, result or error names the number.
    ///
    /// # Errors
    /// When the database fails.
    pub fn runs(&self, ledger: &Ledger) -> Result<Vec<Mention<RunId>>, StoreError> {
        let sql = "SELECT r.id, r.notification, n.state, log, result, error FROM runs r
                   LEFT JOIN notifications n ON n.id = r.notification WHERE r.id > ? ORDER BY r.id LIMIT ?";
        self.mentions(ledger, sql, RunId)
    }

    /// Replays whose error names the number.
    ///
    /// # Errors
    /// When the database fails.
    pub fn replays(&self, ledger: &Ledger) -> Result<Vec<Mention<i64>>, StoreError> {
        let sql = "SELECT r.id, r.notification, n.state, error FROM replays r
                   LEFT JOIN notifications n ON n.id = r.notification WHERE r.id > ? ORDER BY r.id LIMIT ?";
        self.mentions(ledger, sql, |id| id)
    }

    fn mentions<T>(
        &self,
        ledger: &Ledger,
        sql: &str,
        id_of: fn(i64) -> T,
    ) -> Result<Vec<Mention<T>>, StoreError> {
        walk(ledger, sql, 0, |row| {
            let id: i64 = row.get(0)?;
            let notification = row.get::<_, Option<i64>>(1)?.map(NotificationId);
            let waits = row.get::<_, Option<String>>(2)?.is_some_and(|state| state == "waiting");
            let found = self.is_named(row, 3)?.then(|| Mention { id: id_of(id), notification, waits });
            Ok((id, found))
        })
    }

    /// Messages to others whose text or error names the number.
    ///
    /// # Errors
    /// When the database fails.
    pub fn mentioned(&self, ledger: &Ledger) -> Result<Vec<MessageId>, StoreError> {
        let sql = "SELECT id, body, error_message FROM messages WHERE id > ? ORDER BY id LIMIT ?";
        walk(ledger, sql, [0; 16], |row| {
            let id: [u8; 16] = row.get(0)?;
            let message = MessageId::from_bytes(id);
            let found = !self.ids.contains(&message) && self.is_named(row, 1)?;
            Ok((id, found.then_some(message)))
        })
    }

    /// The companies that do not write to the number any more.
    ///
    /// # Errors
    /// When the database fails.
    pub fn opt_outs(&self, ledger: &Ledger) -> Result<Vec<OptOutRow>, StoreError> {
        let mut all = ledger.opt_outs(None, None)?;
        all.retain(|row| row.recipient == self.number.as_str());
        Ok(all)
    }

    /// Which of these are done for good: nothing makes them run again.
    ///
    /// # Errors
    /// When the database fails.
    pub fn done_among(ledger: &Ledger, ids: &[NotificationId]) -> Result<Vec<NotificationId>, StoreError> {
        let mut look =
            ledger.connection.prepare("SELECT 1 FROM notifications WHERE id = ? AND state = 'done'")?;
        let mut done = Vec::new();
        for id in ids {
            if look.exists([id.0])? {
                done.push(*id);
            }
        }
        Ok(done)
    }

    /// Whether a text of the row, from a column on, names the number.
    fn is_named(&self, row: &Row<'_>, from: usize) -> rusqlite::Result<bool> {
        for column in from..row.as_ref().column_count() {
            if row.get_ref(column)?.as_bytes_or_null()?.is_some_and(|text| names(text, &self.number)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Goes through a table by its primary key, page by page, so that no transaction stands for long.
fn walk<K: rusqlite::ToSql, T>(
    ledger: &Ledger,
    sql: &str,
    mut after: K,
    look: impl Fn(&Row<'_>) -> rusqlite::Result<(K, Option<T>)>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    let mut statement = ledger.connection.prepare(sql)?;
    loop {
        let mut count = 0;
        let mut rows = statement.query(params![after, i64::try_from(PAGE).unwrap_or(i64::MAX)])?;
        while let Some(row) = rows.next()? {
            let (key, one) = look(row)?;
            (after, count) = (key, count + 1);
            found.extend(one);
        }
        if count < PAGE {
            return Ok(found);
        }
    }
}

impl Ledger {
    /// Whether the number is one that this host sends from.
    ///
    /// # Errors
    /// When the database fails.
    pub fn is_own_sender(&self, number: &PhoneNumber) -> Result<bool, StoreError> {
        let sql = "SELECT EXISTS (SELECT 1 FROM messages WHERE sender = ?)";
        Ok(self.connection.query_row(sql, [number.whatsapp()], |row| row.get(0))?)
    }
}
