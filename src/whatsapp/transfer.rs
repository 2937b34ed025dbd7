//! Media that come in with messages: fetched from Twilio with the account's key, and stored as objects.
//!
//! Twilio answers a medium's URL with a redirect to where its bytes are. The key goes with the first request only, whose
//! URL is put together here from the account's own API address and the ids: whatever URL a script gives, the key goes
//! nowhere else. Redirects are followed by hand, without it, and judged like any other address ([`probe`]); only the API's
//! own address is trusted wherever it is, for as long as no redirect has led away from it.
//!
//! The bytes are in memory until they are stored; there is room for a few media at a time.
//!
//! Source: <https://www.twilio.com/docs/messaging/api/media-resource>.
//!
//! [`probe`]: super::probe

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use reqwest::{Method, RequestBuilder, Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

use super::media::{MAX_SIZE, MEDIA_TOO_LARGE};
use super::message::Account;
use super::probe::{
    Forbidden, MAX_REDIRECTS, MEDIA_FORBIDDEN, MEDIA_UNREACHABLE, MediaAddress, MediaProbe, Unprobed,
    redirect,
};
use super::storage::{ObjectName, SignedUrls, StorageError};
use super::twilio::retry_after;
use crate::base::AccountSid;

/// How many media are in memory at once, at most.
const AT_ONCE: usize = 4;
/// How long a server may keep silent.
const PATIENCE: Duration = Duration::from_secs(10);
/// The type of what has none.
const ANYTHING: &str = "application/octet-stream";
/// The longest `Content-Type` that is believed, in bytes.
const MAX_CONTENT_TYPE: usize = 256;
/// How much of the storage's answer is read for its word.
const MAX_ANSWER: usize = 16 << 10;

/// A medium of a message at Twilio, as its URL names it.
#[derive(Clone, PartialEq, Eq)]
pub struct IncomingMedium {
    url: Url,
    account: AccountSid,
    message: String,
    medium: String,
}

impl IncomingMedium {
    /// Reads `…/2010-04-01/Accounts/AC…/Messages/MM…/Media/ME…`; `None`: it is something else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let segments: Vec<_> = url.path_segments()?.collect();
        let ["2010-04-01", "Accounts", account, "Messages", message, "Media", medium] =
            segments.last_chunk::<7>()?
        else {
            return None;
        };
        let is_sid = |text: &str, prefixes: &[&str]| {
            let digits = prefixes.iter().find_map(|prefix| text.strip_prefix(prefix));
            digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
        };
        if !is_sid(message, &["MM", "SM"]) || !is_sid(medium, &["ME"]) {
            return None;
        }
        let account = AccountSid::parse(account).ok()?;
        let (message, medium) = ((*message).to_owned(), (*medium).to_owned());
        Some(Self { url, account, message, medium })
    }

    /// Whose it is.
    #[must_use]
    pub fn account(&self) -> &AccountSid {
        &self.account
    }

    /// Whether the URL that was read is the one under which this account's API has the medium.
    #[must_use]
    pub fn is_at(&self, account: &Account) -> bool {
        self.at(account).as_ref() == Some(&self.url)
    }

    /// Where this account's API has it.
    fn at(&self, account: &Account) -> Option<Url> {
        let base = account.api_base_url.as_str().trim_end_matches('/');
        let (sid, message, medium) = (&account.sid, &self.message, &self.medium);
        Url::parse(&format!("{base}/2010-04-01/Accounts/{sid}/Messages/{message}/Media/{medium}")).ok()
    }
}

impl fmt::Debug for IncomingMedium {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingMedium")
            .field("account", &self.account)
            .field("medium", &self.medium)
            .finish_non_exhaustive()
    }
}

/// A medium in memory, where it keeps others out for as long as it lives.
#[derive(Debug)]
pub struct Medium {
    /// What its server calls it.
    pub content_type: String,
    bytes: Bytes,
    _room: Option<OwnedSemaphorePermit>,
}

impl Medium {
    /// How many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        self.bytes.len()
    }
}

/// Why a medium was not fetched or not stored; the sentence is for the author. None holds a URL, a key or a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferError {
    /// Twilio refuses the account's key.
    #[error(
        "Twilio refuses the account's key (HTTP status {0}): an admin checks auth_key, or api_key_id and api_key_secret, \
         of this account"
    )]
    KeyRefused(u16),
    /// There is no such medium.
    #[error(
        "the medium is not there (HTTP status {0}): Twilio keeps it until it is deleted, or the message is; save it as \
         soon as its message comes"
    )]
    Gone(u16),
    /// It has more bytes than WhatsApp carries.
    #[error("the medium has more than 16 MB, the most that WhatsApp carries: it is not saved")]
    TooLarge,
    /// A redirect leads where the host does not ask.
    #[error("Twilio's redirect leads where the host asks for nothing: {}", place(.0))]
    Forbidden(Forbidden),
    /// It could not be fetched.
    #[error("the medium could not be fetched ({why}): nothing was stored; call it again later")]
    Unreachable {
        /// What happened.
        why: String,
        /// Whether trying again may help, and after how long, if somebody said that.
        again: Again,
    },
    /// The storage refuses the object.
    #[error("the storage refuses the object (HTTP status {status}{}): {}", said(.word), remedy(*.status))]
    StorageRefused {
        /// The HTTP status.
        status: u16,
        /// Google's word for it, if there is one.
        word: Option<String>,
    },
    /// The object could not be stored.
    #[error("the medium could not be stored ({why}): call it again later")]
    StorageUnreachable {
        /// What happened.
        why: String,
        /// Whether trying again may help, and after how long, if somebody said that.
        again: Again,
    },
    /// No URL for the object could be signed.
    #[error("{0}")]
    Storage(StorageError),
}

/// Whether the same may go better in a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// It will not.
    No,
    /// It may; after that time, if the server asked for one.
    After(Option<Duration>),
}

impl TransferError {
    /// The stable word for it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::KeyRefused(_) => "MEDIA_REFUSED",
            Self::Gone(_) => "MEDIA_GONE",
            Self::TooLarge => MEDIA_TOO_LARGE,
            Self::Forbidden(_) => MEDIA_FORBIDDEN,
            Self::Unreachable { .. } => MEDIA_UNREACHABLE,
            Self::StorageRefused { .. } => "STORAGE_REFUSED",
            Self::StorageUnreachable { .. } => "STORAGE_UNREACHABLE",
            Self::Storage(_) => "STORAGE_URL",
        }
    }

    /// Whether the same may go better in a moment.
    #[must_use]
    pub fn again(&self) -> Again {
        match self {
            Self::Unreachable { again, .. } | Self::StorageUnreachable { again, .. } => *again,
            _ => Again::No,
        }
    }

    fn unreachable(why: impl Into<String>) -> Self {
        Self::Unreachable { why: why.into(), again: Again::After(None) }
    }
}

fn place(why: &Forbidden) -> String {
    match why {
        Forbidden::Scheme | Forbidden::Http => "not to an https address".to_owned(),
        Forbidden::Credentials => "to an address with a user name in it".to_owned(),
        Forbidden::Port(port) => format!("to port {port}"),
        Forbidden::NotPublic => "to an address that is not public".to_owned(),
        Forbidden::Redirect(why) => place(why),
    }
}

fn said(word: &Option<String>) -> String {
    word.as_ref().map(|word| format!(", {word}")).unwrap_or_default()
}

fn remedy(status: u16) -> &'static str {
    match status {
        401 | 403 => {
            "an admin gives the service account the right to create and to replace objects in the bucket \
             (roles/storage.objectUser)"
        }
        404 => "there is no such bucket",
        400 => "an admin checks the computer's clock and the key file",
        _ => "an admin looks at the bucket",
    }
}

/// Carries media. Cheap to clone; all clones share the room.
#[derive(Debug, Clone)]
pub struct Transfer {
    probe: MediaProbe,
    room: Arc<Semaphore>,
    patience: Duration,
}

impl Transfer {
    /// With the guard and the connections of a probe.
    #[must_use]
    pub fn new(probe: MediaProbe) -> Self {
        Self { probe, room: Arc::new(Semaphore::new(AT_ONCE)), patience: PATIENCE }
    }

    /// Fetches a medium; waits for room first.
    ///
    /// # Errors
    /// [`TransferError`], of which `again` says whether the same may go better later.
    pub async fn fetch(
        &self,
        account: &Account,
        medium: &IncomingMedium,
        within: Duration,
    ) -> Result<Medium, TransferError> {
        let room = Arc::clone(&self.room).acquire_owned();
        let fetched = tokio::time::timeout(within, async {
            let room = room.await.ok();
            let response = self.follow(account, medium, within).await?;
            let content_type = content_type(&response);
            let bytes = self.read(response).await?;
            Ok(Medium { content_type, bytes, _room: room })
        });
        fetched.await.unwrap_or_else(|_| Err(TransferError::unreachable(format!("not within {within:?}"))))
    }

    /// The answer that has the bytes.
    async fn follow(
        &self,
        account: &Account,
        medium: &IncomingMedium,
        within: Duration,
    ) -> Result<Response, TransferError> {
        let nowhere = || TransferError::unreachable("the API's address is no URL");
        let mut url = medium.at(account).ok_or_else(nowhere)?;
        let mut address = MediaAddress::at(url.clone(), &account.api_base_url);
        let mut at_home = true;
        let mut key = Some((&account.username, account.password.expose()));
        for _ in 0..=MAX_REDIRECTS {
            let request = self.probe.request(Method::GET, &address).map_err(unfetched)?;
            let request = request.timeout(within).header(ACCEPT_ENCODING, "identity");
            let with_key = key.take();
            let request = match with_key {
                Some((username, password)) => request.basic_auth(username, Some(password)),
                None => request,
            };
            let response = self.answer(request).await?;
            let Some(target) = redirect(&response, &url).map_err(unfetched)? else {
                return judged(response, with_key.is_some());
            };
            at_home &= target.origin() == account.api_base_url.origin();
            address = if at_home {
                MediaAddress::at(target.clone(), &account.api_base_url)
            } else {
                MediaAddress::given(target.clone()) // a stranger's, even if it leads back
            };
            url = target;
        }
        Err(TransferError::Unreachable {
            why: format!("more than {MAX_REDIRECTS} redirects"),
            again: Again::No,
        })
    }

    async fn answer(&self, request: RequestBuilder) -> Result<Response, TransferError> {
        match tokio::time::timeout(self.patience, request.send()).await {
            Ok(answer) => answer.map_err(|error| unfetched(self.probe.unprobed(&error))),
            Err(_) => Err(self.silent()),
        }
    }

    fn silent(&self) -> TransferError {
        TransferError::unreachable(format!("its server kept silent for {:?}", self.patience))
    }

    /// The bytes, counted while they come, whatever the header promised.
    async fn read(&self, mut response: Response) -> Result<Bytes, TransferError> {
        let most = usize::try_from(MAX_SIZE).unwrap_or(usize::MAX);
        if response.content_length().is_some_and(|length| length > MAX_SIZE) {
            return Err(TransferError::TooLarge);
        }
        let mut bytes = Vec::new();
        loop {
            match tokio::time::timeout(self.patience, response.chunk()).await {
                Ok(Ok(Some(chunk))) if bytes.len() + chunk.len() > most => {
                    return Err(TransferError::TooLarge);
                }
                Ok(Ok(Some(chunk))) => bytes.extend_from_slice(&chunk),
                Ok(Ok(None)) => return Ok(bytes.into()),
                Ok(Err(_)) => return Err(TransferError::unreachable("its bytes broke off")),
                Err(_) => return Err(self.silent()),
            }
        }
    }

    /// Stores a medium as an object, which it replaces if there is one of that name.
    ///
    /// # Errors
    /// [`TransferError`], of which `again` says whether the same may go better later.
    pub async fn store(
        &self,
        storage: &SignedUrls,
        object: &ObjectName,
        medium: &Medium,
        within: Duration,
    ) -> Result<(), TransferError> {
        let url = storage.upload_url(object, &medium.content_type).await.map_err(TransferError::Storage)?;
        let address = MediaAddress::at(url, storage.endpoint());
        let request = self.probe.request(Method::PUT, &address).map_err(unstored)?;
        let request =
            request.timeout(within).header(CONTENT_TYPE, &medium.content_type).body(medium.bytes.clone());
        let stored = tokio::time::timeout(within, async {
            let response = request.send().await.map_err(|error| unstored(self.probe.unprobed(&error)))?;
            taken(response).await
        });
        stored.await.unwrap_or_else(|_| {
            Err(TransferError::StorageUnreachable {
                why: format!("not within {within:?}"),
                again: Again::After(None),
            })
        })
    }
}

/// What an answer that is no redirect means.
fn judged(response: Response, is_twilios: bool) -> Result<Response, TransferError> {
    let status = response.status().as_u16();
    Err(match status {
        200 => return Ok(response),
        401 | 403 if is_twilios => TransferError::KeyRefused(status),
        404 | 410 => TransferError::Gone(status),
        _ => {
            // Where Twilio's redirect leads is good for a while only: the next one is fresh.
            let may_pass = matches!(status, 401 | 403 | 408 | 429 | 500..);
            let again = if may_pass { Again::After(retry_after(&response)) } else { Again::No };
            TransferError::Unreachable { why: format!("HTTP status {status}"), again }
        }
    })
}

fn content_type(response: &Response) -> String {
    let given = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::trim);
    given.filter(|text| (1..=MAX_CONTENT_TYPE).contains(&text.len())).unwrap_or(ANYTHING).to_owned()
}

fn unfetched(why: Unprobed) -> TransferError {
    match why {
        Unprobed::Forbidden(why) => TransferError::Forbidden(why),
        Unprobed::Unreachable(why) => TransferError::unreachable(why),
        Unprobed::HttpStatus(status) => TransferError::unreachable(format!("HTTP status {status}")),
    }
}

fn unstored(why: Unprobed) -> TransferError {
    let why = match why {
        Unprobed::Forbidden(why) => place(&why),
        Unprobed::Unreachable(why) => why,
        Unprobed::HttpStatus(status) => format!("HTTP status {status}"),
    };
    TransferError::StorageUnreachable { why, again: Again::After(None) }
}

/// What the storage made of an upload.
async fn taken(response: Response) -> Result<(), TransferError> {
    let status = response.status().as_u16();
    match status {
        200..=299 => Ok(()),
        408 | 429 | 500.. => Err(TransferError::StorageUnreachable {
            why: format!("HTTP status {status}"),
            again: Again::After(retry_after(&response)),
        }),
        _ => Err(TransferError::StorageRefused { status, word: word(response).await }),
    }
}

/// `<Code>AccessDenied</Code>` of the storage's answer
/// (<https://docs.cloud.google.com/storage/docs/xml-api/reference-status>).
async fn word(mut response: Response) -> Option<String> {
    let mut answer = Vec::new();
    while answer.len() < MAX_ANSWER {
        match response.chunk().await {
            Ok(Some(chunk)) => answer.extend_from_slice(&chunk),
            _ => break,
        }
    }
    let answer = String::from_utf8_lossy(&answer);
    let (word, _) = answer.split_once("<Code>")?.1.split_once("</Code>")?;
    let is_word = (1..=60).contains(&word.len()) && word.bytes().all(|b| b.is_ascii_alphanumeric());
    is_word.then(|| word.to_owned())
}

#[cfg(test)]
mod tests;
