//! A simulator that is up already, of another process: found by its address, and told of the accounts that will use it.

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::Client;
use serde::Deserialize;
use serde_json::{Value, json};

use super::control::NAME;
use super::{SimulatedAccount, SimulatedSender};
use crate::base::{AccountSid, Secret};

/// How long it may take to answer. It is on this computer.
const PATIENCE: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub struct Neighbour {
    base_url: String,
    client: Client,
    accounts: Vec<Known>,
}

/// What it shows of an account.
#[derive(Debug, Deserialize)]
struct Known {
    sid: String,
    senders: Vec<SimulatedSender>,
}

impl Neighbour {
    /// The simulator of ours that answers there within a second, if one does.
    pub async fn at(address: SocketAddr) -> Option<Self> {
        #[derive(Deserialize)]
        struct Accounts {
            accounts: Vec<Known>,
        }
        let client = Client::builder().no_proxy().timeout(PATIENCE).build().ok()?;
        let base_url = super::base_url(address);
        let get = async |path| client.get(format!("{base_url}{path}")).send().await.ok();
        let about: Value = get("/simulator").await?.json().await.ok()?;
        if about["simulator"] != NAME {
            return None;
        }
        let Accounts { accounts } = get("/simulator/accounts").await?.json().await.ok()?;
        Some(Self { base_url, client, accounts })
    }

    /// What to give as `api_base_url`.
    #[must_use]
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Whether an account was registered when it was found.
    #[must_use]
    pub fn knows(&self, account: &AccountSid) -> bool {
        self.accounts.iter().any(|known| known.sid == account.as_str())
    }

    /// Registers accounts, or what is new about those that it knows: what is written to a sender that it knows goes on to
    /// go where it went.
    ///
    /// # Errors
    /// It does not answer, or does not take one.
    pub async fn introduce(&self, accounts: Vec<SimulatedAccount>) -> Result<(), reqwest::Error> {
        for mut account in accounts {
            let known = self.accounts.iter().filter(|known| known.sid == account.sid.as_str());
            for known in known.flat_map(|known| &known.senders) {
                let same = account.senders.iter_mut().filter(|sender| sender.number == known.number);
                same.for_each(|sender| sender.incoming_url = None);
            }
            let request = self.client.post(format!("{}/simulator/accounts", self.base_url));
            request.json(&written(&account)).send().await?.error_for_status()?;
        }
        Ok(())
    }
}

/// As `POST /simulator/accounts` takes it, with tokens and secrets: what the requests to Twilio's paths carry too.
fn written(account: &SimulatedAccount) -> Value {
    let mut written = account.shown();
    written["auth_tokens"] = account.auth_tokens.iter().map(Secret::expose).collect();
    written["api_keys"] =
        account.api_keys.iter().map(|key| json!({ "sid": key.sid, "secret": key.secret.expose() })).collect();
    written
}
