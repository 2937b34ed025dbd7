//! The client of Twilio's REST API.
//!
//! A send has one of four outcomes, and telling them apart is what this file is for, because a message that was
//! sent twice costs money and trust:
//!
//! | outcome | when | may it be repeated? |
//! | --- | --- | --- |
//! | sent | 2xx with a sid | no |
//! | not sent | the connection was never made, or 429: Twilio did not process it | yes, later |
//! | refused | any other 4xx | not unchanged |
//! | in doubt | everything else: 5xx, 3xx, a timeout or reset after the request left, an answer that can't be read | no: find out |
//!
//! The client never repeats a request by itself, follows no redirects (the next host would get the key), and
//! takes no proxy from the environment.

mod account;
mod answer;
mod result;

use std::time::Duration;

use reqwest::{Client, RequestBuilder, StatusCode};
use serde::Deserialize;

pub(super) use self::answer::retry_after;
use self::answer::{Answer, chain};
use super::message::{Account, MessageFilter, MessageResource, OutgoingMessage};
use crate::base::MessageSid;

pub use self::account::{API, AccountRecord, SenderRecord};
pub use self::result::{Hidden, NotSent, ReadError, Refusal, SendOutcome, Sent};

/// How long making a connection may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a whole request may take, its answer included.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// How long an idle connection is kept: shorter than servers do, because a request that meets a connection just
/// being closed ends in doubt.
const IDLE_TIMEOUT: Duration = Duration::from_secs(20);
/// The most messages of one page; Twilio's maximum is 1,000, which would not fit into the answer's limit.
const PAGE_SIZE: usize = 100;

/// The client. Cheap to clone; connections are shared.
#[derive(Debug, Clone)]
pub struct Twilio {
    http: Client,
}

impl Twilio {
    /// A client with the limits above.
    ///
    /// # Errors
    /// When TLS can't be set up; the sentence says why.
    pub fn new() -> Result<Self, String> {
        Self::with_timeouts(CONNECT_TIMEOUT, REQUEST_TIMEOUT)
    }

    /// A client with other limits, for tests of what happens when they pass.
    ///
    /// # Errors
    /// As [`Twilio::new`].
    pub fn with_timeouts(connect: Duration, request: Duration) -> Result<Self, String> {
        Client::builder()
            .connect_timeout(connect)
            .timeout(request)
            .pool_idle_timeout(IDLE_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("boatswain/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(|http| Self { http })
            .map_err(|error| format!("the HTTP client can't be set up: {}", chain(&error)))
    }

    /// Sends a message: one request, whatever happens. What it means is in the outcome.
    ///
    /// Dropping the future before it is ready leaves the send in doubt.
    pub async fn create_message(&self, account: &Account, message: &OutgoingMessage) -> SendOutcome {
        let request = self
            .http
            .post(format!("{}.json", messages_url(account)))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(message.form().encode());
        match Answer::to(authorized(request, account)).await {
            Ok(answer) => sent_or_not(&answer),
            // `is_builder`: the request could not even be written down.
            Err(error) if error.is_connect() || error.is_builder() => SendOutcome::NotSent {
                why: NotSent::ConnectionFailed,
                code: None,
                message: Hidden(format!("Twilio could not be reached: {}", chain(&error))),
            },
            Err(error) => in_doubt(format!("the connection to Twilio broke: {}", chain(&error))),
        }
    }

    /// Reads Twilio's record of a message.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn fetch_message(
        &self,
        account: &Account,
        sid: &MessageSid,
    ) -> Result<MessageResource, ReadError> {
        self.read(account, format!("{}/{sid}.json", messages_url(account)), &[]).await
    }

    /// Lists messages, newest first, page by page until the filter is satisfied.
    ///
    /// # Errors
    /// See [`ReadError`]; what was read before the error is dropped.
    pub async fn list_messages(
        &self,
        account: &Account,
        filter: &MessageFilter,
    ) -> Result<Vec<MessageResource>, ReadError> {
        let mut query = vec![("PageSize", filter.limit.clamp(1, PAGE_SIZE).to_string())];
        query.extend(filter.to.as_ref().map(|to| ("To", to.whatsapp())));
        query.extend(filter.from.as_ref().map(|from| ("From", from.whatsapp())));
        let mut url = format!("{}.json", messages_url(account));
        let mut found = Vec::new();
        loop {
            let page: Page = self.read(account, url, &query).await?;
            let is_empty = page.messages.is_empty();
            for message in page.messages {
                let is_older = match (filter.created_since, message.date_created) {
                    (Some(since), Some(created)) => created < since,
                    _ => false,
                };
                if is_older || found.len() >= filter.limit {
                    return Ok(found);
                }
                found.push(message);
            }
            // An empty page with a successor would be read for ever.
            match page.next_page_uri {
                Some(next) if !is_empty && found.len() < filter.limit => {
                    url = next_page(account, &next)?;
                    query.clear(); // the next page's address carries it
                }
                _ => return Ok(found),
            }
        }
    }

    async fn read<T: for<'de> Deserialize<'de>>(
        &self,
        account: &Account,
        url: String,
        query: &[(&str, String)],
    ) -> Result<T, ReadError> {
        let request = authorized(self.http.get(url).query(query), account);
        let answer = Answer::to(request)
            .await
            .map_err(|error| ReadError::Unclear(format!("Twilio could not be asked: {}", chain(&error))))?;
        match answer.status {
            StatusCode::NOT_FOUND => Err(ReadError::NotFound),
            StatusCode::TOO_MANY_REQUESTS => {
                Err(ReadError::TooManyRequests { retry_after: answer.retry_after })
            }
            status if status.is_client_error() => Err(ReadError::Refused(answer.refusal())),
            status if status.is_success() => answer.json().map_err(ReadError::Unclear),
            status => {
                Err(ReadError::Unclear(format!("Twilio answered with HTTP status {}", status.as_u16())))
            }
        }
    }
}

/// A page of the list.
#[derive(Deserialize)]
struct Page {
    messages: Vec<MessageResource>,
    #[serde(default)]
    next_page_uri: Option<String>,
}

fn sent_or_not(answer: &Answer) -> SendOutcome {
    match answer.status {
        StatusCode::TOO_MANY_REQUESTS => {
            let refusal = answer.refusal();
            SendOutcome::NotSent {
                why: NotSent::TooManyRequests { retry_after: answer.retry_after },
                code: refusal.code,
                message: refusal.message,
            }
        }
        status if status.is_client_error() => SendOutcome::Refused(answer.refusal()),
        status if status.is_success() => match answer.json::<MessageResource>() {
            Ok(record) => SendOutcome::Sent(Sent {
                price: record.price(),
                sid: record.sid,
                status: record.status,
                from: record.from,
                error_code: record.error_code,
                error_message: record.error_message,
            }),
            Err(why) => in_doubt(why),
        },
        status => in_doubt(format!("Twilio answered with HTTP status {}", status.as_u16())),
    }
}

fn in_doubt(message: String) -> SendOutcome {
    SendOutcome::InDoubt { message: Hidden(message) }
}

fn authorized(request: RequestBuilder, account: &Account) -> RequestBuilder {
    request.basic_auth(&account.username, Some(account.password.expose()))
}

/// The account's messages, without the ending.
fn messages_url(account: &Account) -> String {
    let base = account.api_base_url.as_str().trim_end_matches('/');
    format!("{base}/2010-04-01/Accounts/{}/Messages", account.sid)
}

/// The address of a next page, which must be at the same host: the key goes there.
fn next_page(account: &Account, next: &str) -> Result<String, ReadError> {
    let url = account.api_base_url.join(next).ok();
    let same_host = url.filter(|url| url.origin() == account.api_base_url.origin());
    same_host
        .map(String::from)
        .ok_or_else(|| ReadError::Unclear("the next page is at another host".to_owned()))
}

#[cfg(test)]
mod tests;
