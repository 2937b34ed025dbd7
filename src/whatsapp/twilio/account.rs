//! What Twilio says of an account: whether its key is good, its senders, its messaging services. For whoever checks
//! parameters; nothing here sends.

use reqwest::Url;
use serde::Deserialize;

use super::{PAGE_SIZE, ReadError, Twilio};
use crate::whatsapp::Account;

/// Twilio's API.
pub const API: &str = "https://api.twilio.com";
/// The most pages of senders that are read.
const MAX_PAGES: usize = 20;

/// An account as Twilio describes it. Source: <https://www.twilio.com/docs/iam/api/account>.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct AccountRecord {
    /// `active`, `suspended` or `closed`; absent in a stand-in's answer.
    #[serde(default)]
    pub status: Option<String>,
    /// `Trial` or `Full`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
}

/// A WhatsApp sender. Source: <https://www.twilio.com/docs/whatsapp/api/senders>.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SenderRecord {
    /// `whatsapp:` and the number.
    #[serde(default)]
    pub sender_id: Option<String>,
    /// `ONLINE`, `OFFLINE`, `CREATING`, …
    #[serde(default)]
    pub status: Option<String>,
}

#[derive(Deserialize)]
struct Senders {
    senders: Vec<SenderRecord>,
    #[serde(default)]
    meta: Meta,
}

#[derive(Deserialize, Default)]
struct Meta {
    #[serde(default)]
    next_page_url: Option<String>,
}

/// Any JSON object.
#[derive(Deserialize)]
struct Anything {}

impl Twilio {
    /// Reads the account itself, which its auth token may, and not each API key.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn fetch_account(&self, account: &Account) -> Result<AccountRecord, ReadError> {
        let base = account.api_base_url.as_str().trim_end_matches('/');
        self.read(account, format!("{base}/2010-04-01/Accounts/{}.json", account.sid), &[]).await
    }

    /// Reads the account's WhatsApp senders.
    ///
    /// # Errors
    /// See [`ReadError`]; what was read before the error is dropped.
    pub async fn whatsapp_senders(&self, account: &Account) -> Result<Vec<SenderRecord>, ReadError> {
        let base = messaging_url(&account.api_base_url);
        let mut url = format!("{}/v2/Channels/Senders", base.as_str().trim_end_matches('/'));
        let mut query = vec![("Channel", "whatsapp".to_owned()), ("PageSize", PAGE_SIZE.to_string())];
        let mut found = Vec::new();
        for _ in 0..MAX_PAGES {
            let page: Senders = self.read(account, url, &query).await?;
            let is_empty = page.senders.is_empty();
            found.extend(page.senders);
            // The key goes to the next page's address: only the same host gets it.
            let next = page.meta.next_page_url.and_then(|next| base.join(&next).ok());
            match next.filter(|next| !is_empty && next.origin() == base.origin()) {
                Some(next) => url = next.into(),
                None => break,
            }
            query.clear();
        }
        Ok(found)
    }

    /// Looks whether the account has a messaging service.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub async fn has_messaging_service(&self, account: &Account, sid: &str) -> Result<bool, ReadError> {
        let base = messaging_url(&account.api_base_url);
        let url = format!("{}/v1/Services/{sid}", base.as_str().trim_end_matches('/'));
        match self.read::<Anything>(account, url, &[]).await {
            Ok(Anything {}) => Ok(true),
            Err(ReadError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Where senders and messaging services are read: `messaging.` in the place of `api.` at Twilio, in each of its regions;
/// a stand-in answers for both.
fn messaging_url(api: &Url) -> Url {
    let host = api.host_str().and_then(|host| host.strip_prefix("api."));
    let host = host.filter(|rest| *rest == "twilio.com" || rest.ends_with(".twilio.com"));
    let mut url = api.clone();
    if let Some(rest) = host {
        let _ = url.set_host(Some(&format!("messaging.{rest}")));
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_are_read_where_they_are() {
        for (api, messaging) in [
            ("https://api.twilio.com", "https://messaging.twilio.com/"),
            ("https://api.dublin.ie1.twilio.com", "https://messaging.dublin.ie1.twilio.com/"),
            ("http://127.0.0.1:8081", "http://127.0.0.1:8081/"),
            ("https://api.example.com", "https://api.example.com/"),
            ("https://api.nottwilio.com", "https://api.nottwilio.com/"),
        ] {
            assert_eq!(messaging_url(&Url::parse(api).unwrap()).as_str(), messaging);
        }
    }
}
