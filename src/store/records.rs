//! What goes into `host.db` and what comes back: the records of notifications, runs and sends.

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::base::{
    AccountSid, AppId, CompanyId, MessageId, MessageSid, MessageStatus, NotificationId, PhoneNumber, Price,
    UnixMillis, debug_only,
};
use crate::store::{Conversation, Fence, Line, Opening};

/// How a notification came to the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Twilio called.
    Callback,
    /// The host asked Twilio.
    Poll,
    /// It is no status but a message that somebody wrote.
    Message,
}

impl Source {
    /// The word in the database and in `--json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Poll => "poll",
            Self::Message => "message",
        }
    }

    /// Reads the word in the database.
    pub(super) fn parse(word: &str) -> Self {
        match word {
            "poll" => Self::Poll,
            "message" => Self::Message,
            _ => Self::Callback,
        }
    }
}

/// A notification that was verified and wants to be kept.
#[derive(Clone)]
pub struct NewNotification {
    /// The application that the URL names.
    pub app: AppId,
    /// The company that the URL names.
    pub company: CompanyId,
    /// Whose message it is.
    pub account: AccountSid,
    /// The message.
    pub message_sid: MessageSid,
    /// Twilio's word, whatever it is.
    pub status: MessageStatus,
    /// Twilio's error code, if it gave one.
    pub error_code: Option<String>,
    /// Its sentence, if it gave one.
    pub error_message: Option<String>,
    /// The host's id of the message, from the callback URL's `?message=`.
    pub message: Option<MessageId>,
    /// The form as it came.
    pub form: Bytes,
    /// How it came.
    pub source: Source,
    /// In whose order it runs, where that is not its message's: somebody wrote it.
    pub conversation: Option<Conversation>,
    /// When.
    pub received_at: UnixMillis,
    /// Whether an action waits for it; without one it is done as soon as it is kept.
    pub has_action: bool,
    /// What it changes about who is written to: somebody wrote STOP, or START.
    pub fence: Option<Fence>,
    /// The 24-hour window that it opens: somebody wrote.
    pub opening: Option<Opening>,
}

debug_only!(NewNotification { app, company, message_sid, status });

impl NewNotification {
    /// The contract's key for deduplication.
    pub(super) fn key(&self) -> [u8; 20] {
        notification_key(
            self.app.as_str(),
            self.company.as_str(),
            self.account.as_str(),
            self.message_sid.as_str(),
            self.status.as_str(),
        )
    }
}

/// The key of a notification: [`message_prefix`], then 12 bytes of SHA-256 over the five parts, each with its length.
pub(super) fn notification_key(app: &str, company: &str, account: &str, sid: &str, status: &str) -> [u8; 20] {
    let mut hash = Sha256::new();
    for part in [app, company, account, sid, status] {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut key = [0; 20];
    key[..8].copy_from_slice(&message_prefix(sid));
    key[8..].copy_from_slice(&hash.finalize()[..12]);
    key
}

/// What the keys of all notifications of one message begin with: 8 bytes of SHA-256 over its sid.
pub(super) fn message_prefix(sid: &str) -> [u8; 8] {
    let mut prefix = [0; 8];
    prefix.copy_from_slice(&Sha256::digest(sid)[..8]);
    prefix
}

/// The smallest and the largest key that a notification of this message can have.
pub(super) fn message_keys(message_sid: &str) -> ([u8; 20], [u8; 20]) {
    let (mut first, mut last) = ([0; 20], [u8::MAX; 20]);
    let prefix = message_prefix(message_sid);
    first[..8].copy_from_slice(&prefix);
    last[..8].copy_from_slice(&prefix);
    (first, last)
}

/// What became of a notification that is durable now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// It is new.
    New(NotificationId),
    /// It was there before.
    Repeat,
}

/// A durable notification, as the pipeline hears of it.
#[derive(Clone)]
pub struct Accepted {
    /// Its number.
    pub id: NotificationId,
    /// The application.
    pub app: AppId,
    /// The company.
    pub company: CompanyId,
    /// The message.
    pub message_sid: MessageSid,
    /// In whose order it runs.
    pub line: Line,
    /// The host's id of the message, if the message is the host's.
    pub message: Option<MessageId>,
    /// What it says of the message.
    pub status: MessageStatus,
    /// The form as it came.
    pub form: Bytes,
    /// How it came: it decides which action runs.
    pub source: Source,
}

debug_only!(Accepted { id, app, company, message_sid, status });

/// What becomes of a notification after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// Its effect is committed.
    Done,
    /// It is tried again.
    Retry {
        /// When.
        at: UnixMillis,
    },
    /// It is given up until somebody replays it.
    Dead,
}

/// The end of an attempt.
#[derive(Debug, Clone)]
pub struct Finished {
    /// The notification and what becomes of it; none for a run that was started by hand.
    pub notification: Option<(NotificationId, Mark)>,
    /// Whether the attempt killed its worker.
    pub killed: bool,
    /// What `runs` shows.
    pub run: RunRecord,
}

/// The record of a run's last attempt.
#[derive(Debug, Clone)]
pub struct RunRecord {
    /// The application.
    pub app: AppId,
    /// The company.
    pub company: CompanyId,
    /// The action.
    pub action: String,
    /// The version of the scripts.
    pub script_version: String,
    /// How many attempts there were, this one included.
    pub attempts: u32,
    /// `completed`, or the typed reason.
    pub reason: &'static str,
    /// Processor time in microseconds.
    pub cpu_us: u64,
    /// Wall time in microseconds.
    pub wall_us: u64,
    /// Most JavaScript memory, bytes.
    pub peak_memory_bytes: u64,
    /// Calls of host functions.
    pub host_calls: u32,
    /// JSON of the failure.
    pub error: Option<String>,
    /// What the action returned, as text.
    pub result: Option<String>,
    /// Log lines, `level<TAB>text`.
    pub log: Option<String>,
    /// When the attempt began.
    pub started_at: UnixMillis,
}

/// A message that is about to be sent.
#[derive(Clone)]
pub struct NewMessage {
    /// The host's id.
    pub id: MessageId,
    /// The application.
    pub app: AppId,
    /// The company whose run sends it.
    pub company: CompanyId,
    /// The account that sends it.
    pub account: AccountSid,
    /// The notification whose run sends it.
    pub notification: Option<NotificationId>,
    /// To whom.
    pub to: PhoneNumber,
    /// From whom: `whatsapp:+1…` or a messaging service.
    pub from: String,
    /// The template, `HX…`, if it is one.
    pub template: Option<String>,
    /// What is sent, as a keyed hash: equal for equal contents.
    pub content_hash: String,
    /// The text, where it is to be kept.
    pub body: Option<String>,
    /// When.
    pub at: UnixMillis,
}

debug_only!(NewMessage { id, app, company, to });

/// What became of a send.
#[derive(Clone)]
pub struct SendRecord {
    /// The message.
    pub id: MessageId,
    /// Twilio's id, if there is one.
    pub sid: Option<MessageSid>,
    /// Twilio's status, or `failed`/`unknown`.
    pub status: MessageStatus,
    /// Twilio's code or the host's.
    pub error_code: Option<String>,
    /// A sentence.
    pub error_message: Option<String>,
    /// What it cost, if Twilio knew at once.
    pub price: Option<Price>,
    /// When.
    pub at: UnixMillis,
}

debug_only!(SendRecord { id, sid, status, error_code });
