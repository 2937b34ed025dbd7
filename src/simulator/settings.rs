//! How a simulator is set up.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use super::accounts::SimulatedAccount;
use super::clients::Clients;
use super::rules::Rules;
use crate::base::{Clock, SystemClock};

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
    /// What it calls back with; `None` for clients of its own.
    pub clients: Option<Clients>,
    /// Whether what is to happen happens by itself.
    pub time: Time,
}

/// How the time of a simulator goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Time {
    /// By itself, and when it is moved.
    #[default]
    Passes,
    /// Only when it is moved ([`forward`](super::Simulator::forward)): for tests, which must not depend on how fast
    /// they are. The clock must stand still too.
    Stands,
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
            clients: None,
            time: Time::default(),
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
