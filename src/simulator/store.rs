//! The messages and what is known of them.

use std::collections::{BTreeMap, HashMap};

use serde::Serialize;
use serde_json::{Value, json};

use super::address::Address;
use super::attachments::{Attachment, MAX_KEPT};
use super::changes::Changes;
use super::inbound::Inbound;
use super::media::MediaRecord;
use crate::base::{AccountSid, MessageSid, UnixMillis};
use crate::whatsapp::message::format_date;
use crate::whatsapp::{MessageStatus, codes, media};

/// How many messages are kept; the oldest go first.
const MAX_MESSAGES: usize = 100_000;

/// Who a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the application, over the REST API.
    OutboundApi,
    /// From the application or from Twilio itself, in answer to a phone's message.
    OutboundReply,
    /// From a phone.
    Inbound,
}

impl Direction {
    /// As Twilio names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OutboundApi => "outbound-api",
            Self::OutboundReply => "outbound-reply",
            Self::Inbound => "inbound",
        }
    }
}

/// A message at the simulator.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// Its id.
    pub sid: MessageSid,
    /// Whose it is.
    pub account: AccountSid,
    /// From whom to whom.
    pub direction: Direction,
    /// The recipient.
    pub to: Address,
    /// The sender; absent until a messaging service has chosen one.
    pub from: Option<Address>,
    /// The sender that a messaging service has chosen, to be shown once it sends.
    pub chosen: Option<Address>,
    /// The messaging service (`MG…`), if it goes through one.
    pub messaging_service: Option<String>,
    /// The text, empty if there is none.
    pub body: String,
    /// The media, as the message names them.
    pub media_urls: Vec<String>,
    /// The media as Twilio has them, those that were deleted left out.
    pub attachments: Vec<Attachment>,
    /// How the fetch of the first of them went, when it is over.
    pub media: Option<MediaRecord>,
    /// The template.
    pub content_sid: Option<String>,
    /// The template's variables, as they came.
    pub content_variables: Option<String>,
    /// What became of it so far.
    pub status: MessageStatus,
    /// Why it failed.
    pub error_code: Option<i64>,
    /// When it was created.
    pub created: UnixMillis,
    /// When it last changed.
    pub updated: UnixMillis,
    /// When it was sent.
    pub sent: Option<UnixMillis>,
    /// Where its statuses are reported.
    pub status_callback: Option<String>,
    /// How its callbacks went so far; of an incoming message, how the application took it.
    pub callbacks: Vec<CallbackRecord>,
    /// What only an incoming message has.
    pub inbound: Option<Box<Inbound>>,
}

/// How a callback went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CallbackRecord {
    /// The status it reported.
    pub status: MessageStatus,
    /// How many requests it took.
    pub attempts: u32,
    /// The HTTP status of the last answer, if there was one.
    pub answer: Option<u16>,
    /// Why there was none.
    pub error: Option<String>,
}

impl Message {
    /// The message as Twilio shows it.
    #[must_use]
    pub fn resource(&self) -> Value {
        let uri = format!("{}/{}.json", messages_path(&self.account), self.sid);
        let media = format!("{}/{}/Media.json", messages_path(&self.account), self.sid);
        json!({
            "account_sid": self.account,
            "api_version": "2010-04-01",
            "body": self.body,
            "date_created": format_date(self.created),
            "date_sent": self.sent.map(format_date),
            "date_updated": format_date(self.updated),
            "direction": self.direction.as_str(),
            "error_code": self.error_code,
            "error_message": self.error_message(),
            "from": self.from,
            "messaging_service_sid": self.messaging_service,
            "num_media": self.media_urls.len().to_string(),
            // A messaging service counts once it has chosen a sender.
            "num_segments": if self.from.is_some() { "1" } else { "0" },
            "price": self.sent.map(|_| "-0.00500"),
            "price_unit": self.sent.map(|_| "USD"),
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": { "media": media },
            "to": self.to,
            "uri": uri,
        })
    }

    /// The text as the phone shows it: WhatsApp drops one that comes with anything but a JPEG or PNG, without a word.
    /// Of a medium that was not fetched nothing is known, and the text stays.
    #[must_use]
    pub fn shown_body(&self) -> &str {
        let kind = match &self.media {
            Some(MediaRecord::Fetched { content_type, .. }) => media::judge(Some(content_type), None).ok(),
            _ => None,
        };
        if kind.is_some_and(|kind| !kind.carries_caption()) { "" } else { &self.body }
    }

    /// Why it failed, in words.
    #[must_use]
    pub fn error_message(&self) -> Option<&'static str> {
        codes::explain(self.error_code?).map(|known| known.meaning)
    }
}

/// The path of an account's messages, without the ending.
pub(super) fn messages_path(account: &AccountSid) -> String {
    format!("/2010-04-01/Accounts/{account}/Messages")
}

/// The messages in the order in which they were created.
#[derive(Debug, Default)]
pub(super) struct Store {
    messages: BTreeMap<u64, Message>,
    numbers: HashMap<MessageSid, u64>,
    next: u64,
    changes: Changes,
}

impl Store {
    pub(super) fn insert(&mut self, message: Message) {
        self.numbers.insert(message.sid.clone(), self.next);
        self.changes.touch(self.next);
        self.messages.insert(self.next, message);
        self.next += 1;
        if self.messages.len() > MAX_MESSAGES
            && let Some((number, oldest)) = self.messages.pop_first()
        {
            self.changes.drop(number);
            self.numbers.remove(&oldest.sid);
        }
    }

    /// Drops the oldest bytes that are kept, until the rest is within its limit.
    pub(super) fn make_room(&mut self) {
        let mut kept: usize = self.all().flat_map(|message| &message.attachments).map(Attachment::size).sum();
        for (number, message) in &mut self.messages {
            if kept <= MAX_KEPT {
                return;
            }
            let size = message.attachments.iter().map(Attachment::size).sum::<usize>();
            if size == 0 {
                continue;
            }
            kept -= size;
            self.changes.touch(*number);
            message.attachments.retain(|medium| medium.size() == 0);
        }
    }

    pub(super) fn get(&self, sid: &MessageSid) -> Option<&Message> {
        self.messages.get(self.numbers.get(sid)?)
    }

    pub(super) fn get_mut(&mut self, sid: &MessageSid) -> Option<&mut Message> {
        let number = self.numbers.get(sid)?;
        self.changes.touch(*number);
        self.messages.get_mut(number)
    }

    pub(super) fn remove(&mut self, sid: &MessageSid) {
        if let Some(number) = self.numbers.remove(sid) {
            self.messages.remove(&number);
            self.changes.remove(number);
        }
    }

    pub(super) fn clear(&mut self) {
        self.messages.clear();
        self.numbers.clear();
        self.changes.clear();
    }

    /// Grows with every change of a message.
    pub(super) fn revision(&self) -> u64 {
        self.changes.revision()
    }

    /// What has changed since a revision, oldest first; `None` where only the whole can tell.
    pub(super) fn changed_since(&self, revision: u64) -> Option<impl Iterator<Item = &Message>> {
        let changed = self.changes.since(revision)?;
        Some(changed.filter_map(|number| self.messages.get(&number)))
    }

    /// Oldest first.
    pub(super) fn all(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.messages.values()
    }

    /// Newest first, each with its number; those that are older than a number if one is given.
    pub(super) fn newest_first(&self, before: Option<u64>) -> impl Iterator<Item = (u64, &Message)> {
        let end = before.unwrap_or(self.next);
        self.messages.range(..end).rev().map(|(number, message)| (*number, message))
    }
}
