//! How a simulator is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use serde::Deserialize;
use serde::de::{Deserializer, Error};

use super::address::Address;
use super::rules::Rules;
use crate::base::{AccountSid, Clock, Secret, SystemClock};

/// How a simulator is set up.
pub struct Settings {
    /// Where it listens; port 0 asks for a free one.
    pub listen: SocketAddr,
    /// How strict it is.
    pub rules: Rules,
    /// The accounts it knows from the start.
    pub accounts: Vec<SimulatedAccount>,
    /// Whose media it fetches.
    pub media: MediaFrom,
    /// When things happen.
    pub timings: Timings,
    /// What dates, windows and pacing go by.
    pub clock: Arc<dyn Clock>,
}

/// A free loopback port, open rules, no accounts, media of this computer, the usual timings, the computer's clock.
impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            rules: Rules::default(),
            accounts: Vec::new(),
            media: MediaFrom::default(),
            timings: Timings::default(),
            clock: Arc::new(SystemClock),
        }
    }
}

/// Whose media are fetched, besides those of the origins that are allowed by
/// [`allow_media_from`](super::Simulator::allow_media_from).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MediaFrom {
    /// Every loopback address: for a simulator that stands alone, and knows no host.
    #[default]
    Loopback,
    /// Nobody's: inside a host, whose scripts must not reach what listens beside it.
    Named,
}

/// How long after its creation the usual things happen to a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timings {
    /// Until `sent`. Default 50 ms.
    pub sent: Duration,
    /// Until `delivered`. Default 150 ms.
    pub delivered: Duration,
    /// Until `read`. Default 300 ms.
    pub read: Duration,
    /// Between two attempts of one callback, doubling. Default 100 ms.
    pub retry_pause: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            sent: Duration::from_millis(50),
            delivered: Duration::from_millis(150),
            read: Duration::from_millis(300),
            retry_pause: Duration::from_millis(100),
        }
    }
}

/// An account that the simulator pretends to hold.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulatedAccount {
    /// `AC…`.
    pub sid: AccountSid,
    /// Its auth tokens; the first, the primary one, signs.
    #[serde(deserialize_with = "secrets")]
    pub auth_tokens: Vec<Secret>,
    /// Its API keys.
    #[serde(default)]
    pub api_keys: Vec<ApiKey>,
    /// Its WhatsApp senders. A messaging service (any `MG…`) chooses the first.
    #[serde(default)]
    pub senders: Vec<Address>,
}

/// An API key of an account.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKey {
    /// `SK…`.
    pub sid: String,
    /// Its secret.
    #[serde(deserialize_with = "secret")]
    pub secret: Secret,
}

impl SimulatedAccount {
    /// Whether a user name and password sign in to this account.
    pub(super) fn admits(&self, username: &str, password: &str) -> bool {
        let by_token =
            username == self.sid.as_str() && self.auth_tokens.iter().any(|token| token.expose() == password);
        by_token || self.api_keys.iter().any(|key| key.sid == username && key.secret.expose() == password)
    }

    /// Takes over what another description of the same account knows besides.
    pub(super) fn merge(&mut self, other: Self) {
        add_new(&mut self.auth_tokens, other.auth_tokens);
        add_new(&mut self.api_keys, other.api_keys);
        add_new(&mut self.senders, other.senders);
    }
}

fn add_new<T: PartialEq>(known: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !known.contains(&one) {
            known.push(one);
        }
    }
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

fn secrets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Secret>, D::Error> {
    let tokens = Vec::<String>::deserialize(deserializer)?;
    if tokens.is_empty() {
        return Err(D::Error::custom("an account has at least one auth token"));
    }
    Ok(tokens.into_iter().map(Secret::new).collect())
}
