//! WhatsApp as Twilio offers it: the words of the field and the wire.
//!
//! ```text
//! form       the one reader of form bodies                  codes    Twilio's error codes, explained
//! signature  X-Twilio-Signature, made and verified          message  what is sent, and Twilio's record of it
//! outcome    what an action learns of a send                twilio   the client: send, fetch, list
//! storage    signed URLs of Google Cloud Storage            reconciliation  which message of Twilio's log is which doubt
//! media      which media WhatsApp takes, and with a text    probe    what Twilio will find at a medium's URL
//! transfer   media that come in: fetched and stored        fields   the names of the forms' fields
//! ```
//!
//! Which status of a message may replace which is told by [`MessageStatus`] in the base.
//!
//! May know [`crate::base`] only. Knows nothing of JavaScript, of databases or of the web server: what is
//! durable, who may send and when to try again are decided above.

pub mod codes;
pub mod consent;
pub mod fields;
pub mod form;
pub mod incoming;
pub mod media;
pub mod message;
pub mod outcome;
pub mod probe;
pub mod reconciliation;
pub mod signature;
pub mod storage;
pub mod transfer;
pub mod twilio;

pub use crate::base::MessageStatus;
pub use consent::Consent;
pub use form::Form;
pub use media::verdict;
pub use message::{Account, MessageFilter, MessageResource, OutgoingMessage, Sender};
pub use outcome::{Outcome, OutcomeCode};
pub use probe::{MediaAddress, MediaProbe, Reach, Seen, Unprobed};
pub use reconciliation::{Doubt, Finding};
pub use storage::{ObjectName, SignedUrls, StorageError};
pub use transfer::{Again, IncomingMedium, Medium, Transfer, TransferError};
pub use twilio::{NotSent, ReadError, Refusal, SendOutcome, Sent, Twilio};
