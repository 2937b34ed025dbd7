//! The ledger at the end, when Twilio was asked about everything: it knows what Twilio has.

use std::collections::BTreeMap;
use std::time::Duration;

use boatswain::base::{MessageId, MessageStatus, UnixMillis};

use crate::oracle::{Oracle, SeenMessage};
use crate::twilio::Record;

/// How much earlier than its send by the ledger, and how much later than its last request, a message may be dated.
const SKEW: Duration = Duration::from_secs(30);
const LATEST: Duration = Duration::from_mins(1);
/// What Twilio's log is read for before a send.
const BEFORE: Duration = Duration::from_hours(1);

type Rows = BTreeMap<MessageId, SeenMessage>;

impl Oracle {
    /// Compares the ledger with what Twilio has accepted. Where somebody set the clock, questions may have been asked
    /// too early to learn anything and are not repeated: then the ledger must only not be wrong.
    pub fn check_ledger(&self, rows: &Rows, accepted: &[Record], clock_was_right: bool) {
        for record in accepted {
            let Some(row) = rows.get(&record.message) else {
                self.director.fail(format!("4: {} is not in the ledger", record.sid));
                continue;
            };
            self.check_told(record, row);
            match &row.sid {
                Some(sid) if sid != record.sid.as_str() => {
                    self.director.fail(format!("6: {} is {sid} in the ledger", record.sid));
                }
                None if row.status != "unknown" => {
                    self.director
                        .fail(format!("4: {} is {} in the ledger, without a sid", record.sid, row.status));
                }
                None if clock_was_right && !is_undecidable(record, rows, accepted) => {
                    self.director.fail(format!("4: nobody has found out what became of {}", record.sid));
                }
                Some(_) if clock_was_right && !agrees(&row.status, &record.status) => {
                    let Record { sid, status, .. } = record;
                    self.director.fail(format!("6: {sid} is {status}, and {} in the ledger", row.status));
                }
                _ => {}
            }
        }
        for (id, row) in rows.iter().filter(|(_, row)| row.sid.is_none()) {
            let is_accepted = accepted.iter().any(|record| record.message == *id);
            let in_doubt = row.status == "unknown" && clock_was_right && !is_accepted;
            if row.status == "sending" {
                self.director.fail("4: a message is `sending` for ever");
            } else if in_doubt && !may_be_there(row, rows, accepted) {
                self.director.fail("4: a message that Twilio does not have is in doubt for ever");
            }
        }
    }

    /// The ledger of a message that Twilio has must know what Twilio told.
    fn check_told(&self, record: &Record, row: &SeenMessage) {
        let told = self.told.get(&record.message).map(Vec::as_slice).unwrap_or_default();
        let rank = |status: &str| MessageStatus::parse(status).rank();
        let furthest = told.iter().map(|status| rank(status)).max();
        if furthest.is_some() && row.sid.is_none() {
            self.director.fail("6: a message's own callback has not told its sid");
        }
        if furthest.is_some_and(|furthest| rank(&row.status) < furthest) {
            self.director.fail(format!("6: a message is {} after {told:?}", row.status));
        }
    }
}

/// Whether the ledger says what Twilio says; nobody asks whether a message was read that was delivered.
fn agrees(ledger: &str, twilio: &MessageStatus) -> bool {
    ledger == twilio.as_str() || ledger == "delivered" && *twilio == MessageStatus::Read
}

/// Whether another send to the same person in the same minute, whose sid nobody knows either, makes it impossible to
/// say which is which.
fn is_undecidable(record: &Record, rows: &Rows, accepted: &[Record]) -> bool {
    let own = &rows[&record.message];
    let others =
        rows.iter().filter(|(id, row)| **id != record.message && row.sid.is_none() && row.to == own.to);
    others.filter(|(_, row)| row.status == "unknown").any(|(id, other)| {
        let theirs = accepted.iter().find(|one| one.message == *id);
        fits(record.created, other) || theirs.is_some_and(|theirs| fits(theirs.created, own))
    })
}

/// Whether a message may be this row's by its date.
fn fits(date: UnixMillis, row: &SeenMessage) -> bool {
    date.plus(SKEW) >= row.created && date <= row.updated.max(row.created).plus(LATEST)
}

/// Whether Twilio's log has a message to the same person that nobody knows.
fn may_be_there(row: &SeenMessage, rows: &Rows, accepted: &[Record]) -> bool {
    accepted.iter().any(|record| {
        let known = rows.get(&record.message).is_some_and(|row| row.sid.is_some());
        !known && record.to.as_str() == row.to && record.created.plus(BEFORE) >= row.created
    })
}
