//! The HTTP clients of a simulator, or of many that run on one runtime: to make one costs more than a hundred requests, for it
//! reads all the certificates that this computer trusts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, ClientBuilder, Error};

const USER_AGENT: &str = "TwilioProxy/1.1 (boatswain simulator)";

/// See the module. Cheap to clone; connections are shared.
#[derive(Debug, Clone)]
pub struct Clients {
    /// Fetches media.
    fetching: Client,
    /// Calls back, by the limit for the connection, which a client has for all its requests.
    calling: Arc<Mutex<HashMap<Duration, Client>>>,
}

impl Clients {
    /// For the runtime on which they will first be used.
    ///
    /// # Errors
    /// Why a client cannot be set up.
    pub fn new() -> Result<Self, String> {
        let fetching = builder().referer(false).pool_max_idle_per_host(0).build().map_err(told)?;
        Ok(Self { fetching, calling: Arc::default() })
    }

    /// The client that fetches media.
    pub(super) fn fetching(&self) -> &Client {
        &self.fetching
    }

    /// The client that calls back with this limit for the connection.
    pub(super) fn calling(&self, connect: Duration) -> Result<Client, String> {
        let mut calling = self.calling.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = calling.get(&connect) {
            return Ok(known.clone());
        }
        let new = builder().connect_timeout(connect).build().map_err(told)?;
        calling.insert(connect, new.clone());
        Ok(new)
    }
}

fn builder() -> ClientBuilder {
    Client::builder()
        .redirect(Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .user_agent(USER_AGENT)
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn told(error: Error) -> String {
    format!("the simulator's HTTP client can't be set up: {error}")
}
