//! The media of messages: Twilio's Media resources, and the bytes of those that came in.
//!
//! What somebody sent is kept, 16 MB a medium and 128 MiB in all; the oldest go first. What the application sent stays where
//! it is: its resource leads to the URL that the message names. As at Twilio the resource asks for the account's key and
//! leads on to an address that asks for none, and that nobody can guess.
//!
//! Sources: <https://www.twilio.com/docs/messaging/api/media-resource>, and on the redirect
//! <https://help.twilio.com/articles/223183748>.

use std::fmt::Write;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, RawQuery, State as Shares};
use axum::http::header::{CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::Shared;
use super::error::ApiError;
use super::list::{DateFilter, Pages};
use super::media::MediaRecord;
use super::rest::form_of;
use super::store::{Message, messages_path};
use crate::base::{MessageSid, UnixMillis};
use crate::whatsapp::message::format_date;

/// The largest medium, in bytes; WhatsApp's limit.
pub(super) const MAX_MEDIUM: usize = 16 * 1024 * 1024;
/// The most bytes that are kept in all.
pub(super) const MAX_KEPT: usize = 128 * 1024 * 1024;

/// A medium of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// `ME…`.
    pub sid: String,
    /// When it was created.
    pub created: UnixMillis,
    /// Its bytes.
    pub content: AttachmentContent,
}

/// Where the bytes of a medium are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttachmentContent {
    /// Where the application's message says.
    At(String),
    /// Here.
    Kept {
        /// What it is.
        content_type: String,
        /// What it says.
        bytes: Bytes,
        /// What its address ends in: 32 digits that nobody can guess.
        key: String,
    },
}

impl Attachment {
    /// The media of a message that the application sends.
    pub(super) fn of_urls(urls: &[String], now: UnixMillis) -> Vec<Self> {
        let at = |url: &String| Self::new(AttachmentContent::At(url.clone()), now);
        urls.iter().map(at).collect()
    }

    /// A medium that somebody sends.
    pub(super) fn kept(content_type: String, bytes: Bytes, now: UnixMillis) -> Result<Self, ApiError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| ApiError::of_code(20500))?;
        let key = random.iter().fold(String::new(), |mut key, byte| {
            let _ = write!(key, "{byte:02x}"); // a String takes all
            key
        });
        Ok(Self::new(AttachmentContent::Kept { content_type, bytes, key }, now))
    }

    fn new(content: AttachmentContent, created: UnixMillis) -> Self {
        Self { sid: format!("ME{}", Uuid::now_v7().simple()), created, content }
    }

    /// How many bytes of it are kept.
    pub(super) fn size(&self) -> usize {
        match &self.content {
            AttachmentContent::At(_) => 0,
            AttachmentContent::Kept { bytes, .. } => bytes.len(),
        }
    }

    /// What it is, as far as that is known.
    fn content_type<'a>(&'a self, message: &'a Message) -> Option<&'a str> {
        match (&self.content, &message.media) {
            (AttachmentContent::Kept { content_type, .. }, _) => Some(content_type),
            // The first one is fetched, and no other.
            (AttachmentContent::At(_), Some(MediaRecord::Fetched { content_type, .. })) => {
                Some(content_type.as_str()).filter(|_| message.attachments.first() == Some(self))
            }
            (AttachmentContent::At(_), _) => None,
        }
    }

    /// Where its bytes are.
    fn location(&self, message: &Message) -> String {
        match &self.content {
            AttachmentContent::At(url) => url.clone(),
            AttachmentContent::Kept { key, .. } => format!("/media/{}/{key}", message.sid),
        }
    }

    /// The path of its resource, without the ending.
    pub(super) fn path(&self, message: &Message) -> String {
        format!("{}/{}/Media/{}", messages_path(&message.account), message.sid, self.sid)
    }

    /// As Twilio shows it.
    fn resource(&self, message: &Message) -> Value {
        json!({
            "account_sid": message.account,
            "content_type": self.content_type(message),
            "date_created": format_date(self.created),
            "date_updated": format_date(self.created),
            "parent_sid": message.sid,
            "sid": self.sid,
            "uri": format!("{}.json", self.path(message)),
        })
    }

    /// As `/simulator/messages` shows it.
    pub(super) fn shown(&self, message: &Message) -> Value {
        json!({
            "sid": self.sid,
            "content_type": self.content_type(message),
            "uri": self.path(message),
            "content": self.location(message),
        })
    }
}

/// `GET …/Messages/{sid}/Media.json`
pub(super) async fn list(
    Shares(shared): Shares<Arc<Shared>>,
    Path((account, message)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let message = shared.message(&headers, &account, &message, &uri)?;
    let query = form_of(query.unwrap_or_default().as_bytes())?;
    let dates = DateFilter::of(&query, "DateCreated")?;
    let pages = Pages::of(&query)?;
    let found = message.attachments.iter().filter(|medium| dates.admits(medium.created));
    let found: Vec<_> =
        found.map(|medium| medium.resource(&message)).skip(pages.skipped()).take(pages.size + 1).collect();
    let path = format!("{}/{}/Media.json", messages_path(&message.account), message.sid);
    Ok(Json(pages.envelope(&path, "media_list", found, |_| None)).into_response())
}

/// `GET …/Media/{sid}.json`: the resource; without the ending: where the bytes are.
pub(super) async fn fetch(
    Shares(shared): Shares<Arc<Shared>>,
    Path((account, message, file)): Path<(String, String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let message = shared.message(&headers, &account, &message, &uri)?;
    let medium = of_file(&message, &file).ok_or_else(|| ApiError::not_found(uri.path()))?;
    if file != medium.sid {
        return Ok(Json(medium.resource(&message)).into_response());
    }
    Ok((StatusCode::TEMPORARY_REDIRECT, [(LOCATION, medium.location(&message))]).into_response())
}

/// `DELETE …/Media/{sid}.json`
pub(super) async fn remove(
    Shares(shared): Shares<Arc<Shared>>,
    Path((account, message, file)): Path<(String, String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let message = shared.message(&headers, &account, &message, &uri)?;
    let sid = of_file(&message, &file).ok_or_else(|| ApiError::not_found(uri.path()))?.sid.clone();
    shared.change(&message.sid, |message| message.attachments.retain(|medium| medium.sid != sid));
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /media/{message}/{key}`: the bytes, for whoever knows the address.
pub(super) async fn content(
    Shares(shared): Shares<Arc<Shared>>,
    Path((message, wanted)): Path<(String, String)>,
    uri: Uri,
) -> Result<Response, ApiError> {
    let state = shared.state();
    let message = MessageSid::parse(&message).ok().and_then(|sid| state.messages.get(&sid));
    let mut media = message.into_iter().flat_map(|message| &message.attachments);
    let found = media.find_map(|medium| match &medium.content {
        AttachmentContent::Kept { content_type, bytes, key } if *key == wanted => Some((content_type, bytes)),
        _ => None,
    });
    let (content_type, bytes) = found.ok_or_else(|| ApiError::not_found(uri.path()))?;
    // Whatever somebody sent: a browser is not to run it as a page of the simulator's.
    let headers = [
        (CONTENT_TYPE, content_type.as_str()),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (axum::http::header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'"),
    ];
    Ok((headers, bytes.clone()).into_response())
}

fn of_file<'a>(message: &'a Message, file: &str) -> Option<&'a Attachment> {
    let sid = file.strip_suffix(".json").unwrap_or(file);
    message.attachments.iter().find(|medium| medium.sid == sid)
}
