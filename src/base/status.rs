//! The status of a message, and which status may replace which.
//!
//! Twilio's callbacks come in any order and may come twice, so a record of a message can't simply take the
//! latest word. Every status has a place in the life of a message ([`MessageStatus::rank`]), and a record only
//! moves forward. Words that Twilio adds without notice are kept as they are.
//!
//! Source: <https://www.twilio.com/docs/messaging/api/message-resource#message-status-values>.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What Twilio last said of a message.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MessageStatus {
    /// To be sent at a later time that was asked for.
    Scheduled,
    /// Taken by a messaging service that has yet to choose a sender.
    Accepted,
    /// Waiting at Twilio.
    Queued,
    /// On its way to WhatsApp.
    Sending,
    /// WhatsApp has it: one tick.
    Sent,
    /// Some of a message's parts or recipients have it.
    PartiallyDelivered,
    /// The phone has it: two ticks.
    Delivered,
    /// The recipient has opened it. Comes only from recipients who allow read receipts.
    Read,
    /// Twilio could not send it.
    Failed,
    /// WhatsApp could not deliver it.
    Undelivered,
    /// A scheduled message that was called off.
    Canceled,
    /// An incoming message on its way to Twilio.
    Receiving,
    /// An incoming message that Twilio has.
    Received,
    /// A word that is not among the above, as Twilio wrote it.
    Other(String),
}

impl MessageStatus {
    /// The statuses that have a name, in the order of their ranks.
    pub const KNOWN: [Self; 13] = [
        Self::Scheduled,
        Self::Accepted,
        Self::Queued,
        Self::Receiving,
        Self::Sending,
        Self::Sent,
        Self::PartiallyDelivered,
        Self::Delivered,
        Self::Failed,
        Self::Undelivered,
        Self::Canceled,
        Self::Received,
        Self::Read,
    ];

    /// Reads Twilio's word. Never fails: an unknown word is kept.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        let known = Self::KNOWN.into_iter().find(|status| status.as_str() == word);
        known.unwrap_or_else(|| Self::Other(word.to_owned()))
    }

    /// Twilio's word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Accepted => "accepted",
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::PartiallyDelivered => "partially_delivered",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Failed => "failed",
            Self::Undelivered => "undelivered",
            Self::Canceled => "canceled",
            Self::Receiving => "receiving",
            Self::Received => "received",
            Self::Other(word) => word,
        }
    }

    /// How far along the life of a message this is; more is later.
    ///
    /// An unknown word stands between `sending` and `sent`: it says more than that the message is waiting, and
    /// less than any word whose meaning is certain.
    #[must_use]
    pub fn rank(&self) -> u8 {
        match self {
            Self::Scheduled => 0,
            Self::Accepted => 1,
            Self::Queued | Self::Receiving => 2,
            Self::Sending => 3,
            Self::Other(_) => 4,
            Self::Sent => 5,
            Self::PartiallyDelivered => 6,
            // Contradicting ends: whichever came first stays.
            Self::Delivered | Self::Failed | Self::Undelivered | Self::Canceled | Self::Received => 7,
            Self::Read => 8,
        }
    }

    /// Whether nothing can follow this status.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Read | Self::Failed | Self::Undelivered | Self::Canceled | Self::Received)
    }

    /// Whether the message's fate is known, so that Twilio need not be asked about it any more: everything
    /// final, and `delivered`, which becomes `read` only if the recipient allows it.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.is_final() || *self == Self::Delivered
    }

    /// Whether the message did not and will not reach its recipient.
    #[must_use]
    pub fn is_failure(&self) -> bool {
        matches!(self, Self::Failed | Self::Undelivered | Self::Canceled)
    }

    /// Whether a record that shows `self` takes `next` over: never backwards, never past a final status, and not
    /// when it is the same (invariant 6).
    #[must_use]
    pub fn may_become(&self, next: &Self) -> bool {
        !self.is_final() && next.rank() > self.rank()
    }
}

impl fmt::Display for MessageStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for MessageStatus {
    type Err = Infallible;
    fn from_str(word: &str) -> Result<Self, Infallible> {
        Ok(Self::parse(word))
    }
}

impl Serialize for MessageStatus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for MessageStatus {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&String::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_word_survives() {
        for status in MessageStatus::KNOWN {
            assert_eq!(MessageStatus::parse(status.as_str()), status);
            assert!(!matches!(status, MessageStatus::Other(_)));
        }
        for word in ["", "Delivered", "teleported", "è"] {
            assert_eq!(MessageStatus::parse(word).as_str(), word);
        }
        let json = serde_json::to_string(&MessageStatus::parse("teleported")).unwrap();
        assert_eq!(json, "\"teleported\"");
        assert_eq!(
            serde_json::from_str::<MessageStatus>("\"read\"").unwrap(),
            MessageStatus::Read,
            "a known word is recognised"
        );
    }

    /// Which status (row) may become which (column), as a table to be read: `+` may, `.` may not.
    #[test]
    fn a_recorded_status_never_goes_backwards() {
        let words = [
            "scheduled",
            "accepted",
            "queued",
            "sending",
            "teleported",
            "sent",
            "delivered",
            "read",
            "failed",
            "undelivered",
            "canceled",
        ];
        let table = "
            scheduled    . + + + + + + + + + +
            accepted     . . + + + + + + + + +
            queued       . . . + + + + + + + +
            sending      . . . . + + + + + + +
            teleported   . . . . . + + + + + +
            sent         . . . . . . + + + + +
            delivered    . . . . . . . + . . .
            read         . . . . . . . . . . .
            failed       . . . . . . . . . . .
            undelivered  . . . . . . . . . . .
            canceled     . . . . . . . . . . .
        ";
        let rows = table.lines().map(str::trim).filter(|line| !line.is_empty());
        for (row, from) in rows.zip(words) {
            let mut cells = row.split_whitespace();
            assert_eq!(cells.next(), Some(from));
            for (cell, to) in cells.zip(words) {
                let may = MessageStatus::parse(from).may_become(&MessageStatus::parse(to));
                assert_eq!(may, cell == "+", "{from} → {to}");
            }
        }
    }

    #[test]
    fn final_and_settled_differ_in_delivered_only() {
        for status in MessageStatus::KNOWN {
            let differs = status.is_final() != status.is_settled();
            assert_eq!(differs, status == MessageStatus::Delivered, "{status}");
        }
        assert!(!MessageStatus::parse("teleported").is_settled(), "an unknown word settles nothing");
    }

    proptest! {
        /// Whatever the order of arrival, a record ends with the status of the highest rank that came, the first
        /// of them if several, and only ever moves up.
        #[test]
        fn the_order_of_arrival_does_not_matter(words in prop::collection::vec("[a-z]{1,3}|queued|sending|sent|delivered|read|failed", 1..12)) {
            let arrived: Vec<_> = words.iter().map(|word| MessageStatus::parse(word)).collect();
            let mut record = arrived[0].clone();
            for next in &arrived[1..] {
                if record.may_become(next) {
                    prop_assert!(next.rank() > record.rank());
                    record = next.clone();
                }
            }
            if !arrived.iter().any(MessageStatus::is_failure) {
                prop_assert_eq!(Some(record.rank()), arrived.iter().map(MessageStatus::rank).max());
            }
        }
    }
}
