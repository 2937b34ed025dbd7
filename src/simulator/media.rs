//! Fetches a message's medium as Twilio does: HEAD, then GET, and what `Content-Type` says is believed.
//!
//! It happens after the message was taken, so what is wrong with the medium shows in the message's status: 63019 where
//! it can't be had, 63021 where WhatsApp takes no such type or it is of another type than its server says, 63034 where it
//! is too large. WhatsApp honours the first
//! medium of a message, and only that one is fetched. Nothing leaves the computer for a medium: one that is not at an
//! origin that the simulator was told of counts as fetched, unread.
//!
//! Source: <https://www.twilio.com/docs/whatsapp/guidance-whatsapp-media-messages>,
//! <https://www.twilio.com/docs/errors/63021>.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Method, Response};
use serde::Serialize;
use url::Url;

use super::callback::cause;
use super::clients::Clients;
use super::sniff;
use crate::whatsapp::media::{MAX_SIZE, MEDIA_TOO_LARGE, judge};

/// How long HEAD and GET may take together.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// The most redirects that are followed for one request.
const MAX_REDIRECTS: usize = 5;

/// How the fetch of a message's medium went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "result")]
pub enum MediaRecord {
    /// It is, or redirects to, where the simulator fetches nothing: taken for good.
    Unread,
    /// It was fetched, and WhatsApp would take it.
    Fetched {
        /// The type that was believed.
        content_type: String,
        /// Its size, in bytes.
        size: u64,
    },
    /// The message failed because of it.
    Failed {
        /// Twilio's code.
        error_code: i64,
        /// What was wrong, in words; without the URL.
        why: String,
    },
}

/// Why a request has no good answer.
enum NoAnswer {
    /// It would go where the simulator fetches nothing.
    Elsewhere,
    /// In words.
    Failed(String),
}

impl From<NoAnswer> for MediaRecord {
    fn from(no_answer: NoAnswer) -> Self {
        match no_answer {
            NoAnswer::Elsewhere => Self::Unread,
            NoAnswer::Failed(why) => Self::Failed { error_code: 63019, why },
        }
    }
}

impl From<reqwest::Error> for NoAnswer {
    fn from(error: reqwest::Error) -> Self {
        Self::Failed(cause(&error.without_url()))
    }
}

/// The client that fetches media.
#[derive(Debug, Clone)]
pub(super) struct Fetcher {
    clients: Clients,
}

impl Fetcher {
    pub(super) fn new(clients: Clients) -> Self {
        Self { clients }
    }

    /// Fetches a medium, asking only where `is_allowed`.
    pub(super) async fn fetch(&self, url: &str, is_allowed: impl Fn(&Url) -> bool) -> MediaRecord {
        match tokio::time::timeout(MAX_WAIT, self.head_and_get(url, is_allowed)).await {
            Ok(Ok(record)) => record,
            Ok(Err(no_answer)) => no_answer.into(),
            Err(_) => NoAnswer::Failed(format!("no answer within {MAX_WAIT:?}")).into(),
        }
    }

    /// Takes a medium, believing its `Content-Type`; asks only where `is_allowed`, and for so many bytes at most. The error
    /// says why there is none.
    pub(super) async fn take(
        &self,
        url: &str,
        is_allowed: impl Fn(&Url) -> bool,
        most: usize,
    ) -> Result<(String, Bytes), String> {
        let taking = async {
            let url = Url::parse(url).map_err(|_| NoAnswer::Failed("not a URL".to_owned()))?;
            let mut answer = self.ask(Method::GET, url, &is_allowed).await?;
            let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let content_type = content_type.unwrap_or("application/octet-stream").to_owned();
            let mut bytes = Vec::new();
            while bytes.len() <= most
                && let Some(chunk) = answer.chunk().await?
            {
                bytes.extend_from_slice(&chunk);
            }
            Ok((content_type, Bytes::from(bytes)))
        };
        match tokio::time::timeout(MAX_WAIT, taking).await {
            Ok(Ok(taken)) => Ok(taken),
            Ok(Err(NoAnswer::Failed(why))) => Err(why),
            Ok(Err(NoAnswer::Elsewhere)) => Err("nothing leaves the computer for a medium".to_owned()),
            Err(_) => Err(format!("no answer within {MAX_WAIT:?}")),
        }
    }

    async fn head_and_get(
        &self,
        url: &str,
        is_allowed: impl Fn(&Url) -> bool,
    ) -> Result<MediaRecord, NoAnswer> {
        let url = Url::parse(url).map_err(|_| NoAnswer::Failed("not a URL".to_owned()))?;
        let head = self.ask(Method::HEAD, url.clone(), &is_allowed).await?;
        if let Err(record) = judged(&head, content_length(&head)) {
            return Ok(record); // what it says of itself is enough
        }
        let mut answer = self.ask(Method::GET, url, &is_allowed).await?;
        let mut size = 0;
        let mut start = Vec::new();
        while size <= MAX_SIZE
            && let Some(chunk) = answer.chunk().await?
        {
            size += chunk.len() as u64;
            start.extend(chunk.iter().take(sniff::HEAD - start.len()));
        }
        Ok(judged(&answer, Some(size))
            .and_then(|record| genuine(record, &start))
            .unwrap_or_else(|record| record))
    }

    /// A request with its redirects, to an answer that is a success.
    async fn ask(
        &self,
        method: Method,
        mut url: Url,
        is_allowed: &impl Fn(&Url) -> bool,
    ) -> Result<Response, NoAnswer> {
        for _ in 0..=MAX_REDIRECTS {
            if !is_allowed(&url) {
                return Err(NoAnswer::Elsewhere);
            }
            let answer = self.clients.fetching().request(method.clone(), url.clone()).send().await?;
            let status = answer.status();
            if status.is_success() {
                return Ok(answer);
            }
            let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            match location.and_then(|location| url.join(location).ok()) {
                Some(target) if status.is_redirection() => url = target,
                _ => {
                    return Err(NoAnswer::Failed(format!("{method} was answered with HTTP status {status}")));
                }
            }
        }
        Err(NoAnswer::Failed(format!("more than {MAX_REDIRECTS} redirects")))
    }
}

/// What WhatsApp makes of an answer; the error is the failure of the message.
fn judged(answer: &Response, size: Option<u64>) -> Result<MediaRecord, MediaRecord> {
    let content_type = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    match judge(content_type, size) {
        Ok(_) => Ok(MediaRecord::Fetched {
            content_type: content_type.unwrap_or_default().to_owned(),
            size: size.unwrap_or_default(),
        }),
        Err(problem) => {
            let error_code = if problem.code() == MEDIA_TOO_LARGE { 63034 } else { 63021 };
            Err(MediaRecord::Failed { error_code, why: problem.to_string() })
        }
    }
}

/// What WhatsApp makes of what was fetched, once it looks at it.
fn genuine(record: MediaRecord, start: &[u8]) -> Result<MediaRecord, MediaRecord> {
    let MediaRecord::Fetched { content_type, .. } = &record else { return Ok(record) };
    let essence = content_type.split(';').next().unwrap_or_default();
    if sniff::may_be(essence, start) {
        return Ok(record);
    }
    let why =
        format!("the medium's server calls it {}, and that it is not: it begins otherwise", essence.trim());
    Err(MediaRecord::Failed { error_code: 63021, why })
}

/// What the header says; the answer to a HEAD has no body to go by.
fn content_length(answer: &Response) -> Option<u64> {
    answer.headers().get(reqwest::header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
