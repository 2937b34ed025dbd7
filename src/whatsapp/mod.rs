//! WhatsApp as Twilio offers it: the words of the field and the wire.
//!
//! ```text
//! status     which status may replace which                 codes    Twilio's error codes, explained
//! form       the one reader of form bodies                  message  what is sent, and Twilio's record of it
//! signature  X-Twilio-Signature, made and verified          twilio   the client: send, fetch, list
//! outcome    what an action learns of a send                storage  signed URLs of Google Cloud Storage
//! ```
//!
//! May know [`crate::base`] only. Knows nothing of JavaScript, of databases or of the web server: what is
//! durable, who may send and when to try again are decided above.

pub mod codes;
pub mod form;
pub mod message;
pub mod outcome;
pub mod signature;
pub mod status;
pub mod storage;
pub mod twilio;

pub use form::Form;
pub use message::{Account, MessageFilter, MessageResource, OutgoingMessage, Sender};
pub use outcome::{Outcome, OutcomeCode};
pub use status::MessageStatus;
pub use storage::{SignedUrls, StorageError};
pub use twilio::{NotSent, ReadError, Refusal, SendOutcome, Sent, Twilio};
