//! What comes of asking Twilio.

use std::fmt;
use std::time::Duration;

use crate::base::{MessageSid, MessageStatus, Price};

/// What became of a send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// Twilio has the message.
    Sent(Sent),
    /// Twilio certainly did not process it; it may be sent again later.
    NotSent {
        /// Why.
        why: NotSent,
        /// Twilio's code, if it gave one.
        code: Option<i64>,
        /// What happened, for people.
        message: Hidden,
    },
    /// Twilio said no.
    Refused(Refusal),
    /// It can't be known from here whether Twilio has it.
    InDoubt {
        /// What happened, for people.
        message: Hidden,
    },
}

/// A message that Twilio has.
#[derive(Clone, PartialEq, Eq)]
pub struct Sent {
    /// Twilio's id of it.
    pub sid: MessageSid,
    /// Its first status.
    pub status: MessageStatus,
    /// The sender as Twilio names it; absent until a messaging service has chosen one.
    pub from: Option<String>,
    /// Why it failed at once, if it did.
    pub error_code: Option<i64>,
    /// The same in words.
    pub error_message: Option<String>,
    /// What it cost, if that is known at once.
    pub price: Option<Price>,
}

/// Without the numbers.
impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent").field("sid", &self.sid).field("status", &self.status).finish_non_exhaustive()
    }
}

/// Why Twilio did not process a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSent {
    /// No connection was made: nothing listens, the name is unknown, TLS failed.
    ConnectionFailed,
    /// Twilio asked for patience.
    TooManyRequests {
        /// For how long, if it said so.
        retry_after: Option<Duration>,
    },
}

/// Twilio's no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status, 4xx.
    pub http_status: u16,
    /// Twilio's code; absent where something before Twilio answered, or Twilio gave none.
    pub code: Option<i64>,
    /// What Twilio said. May name the recipient.
    pub message: Hidden,
    /// Twilio's page about it.
    pub more_info: Option<String>,
}

impl Refusal {
    /// Whether it is the key that Twilio does not accept, so that nothing of the request was looked at.
    #[must_use]
    pub fn is_of_the_key(&self) -> bool {
        self.http_status == 401 || self.code == Some(20003)
    }
}

/// Words for the author of an action that may name a person's number: `Debug` leaves them out.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Hidden(pub String);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({} characters)", self.0.chars().count())
    }
}

/// Why Twilio's records could not be read. Reading is harmless: it may be repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such message, or it is another account's.
    #[error("Twilio has no such message")]
    NotFound,
    /// Twilio refused the request: as a rule, the key.
    #[error("Twilio refused the request with HTTP status {}", .0.http_status)]
    Refused(Refusal),
    /// Twilio asked for patience.
    #[error("Twilio is answering too many requests")]
    TooManyRequests {
        /// For how long, if it said so.
        retry_after: Option<Duration>,
    },
    /// No answer, or none that can be read. The text names no number and no secret.
    #[error("{0}")]
    Unclear(String),
}

impl ReadError {
    /// Whether asking again later may help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::TooManyRequests { .. } | Self::Unclear(_))
    }
}
