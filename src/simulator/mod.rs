//! A stand-in for Twilio, so that applications can be written and tested without an account, a phone or a network.
//!
//! It answers Twilio's REST paths with Twilio's shapes and error codes, and reports what becomes of each message
//! in signed callbacks over real HTTP. A message plays a [`Script`]: as a rule `sent`, `delivered` and `read`,
//! 50, 150 and 300 ms after it was created. Its status has changed before the callback leaves, and the callbacks
//! of one message leave one after another, each when the one before was answered or given up.
//!
//! ```text
//! rest      Twilio's paths, over  accept  what Twilio checks before it takes a message;  list  filters and pages
//! admit     what becomes of it     store   the messages and what is known of them
//! control   /simulator/…           changes which messages have changed since somebody looked
//! page      GET /: the phones      guard   keeps the pages of other sites away
//! script    what becomes of a message, and the recipients that choose it
//! play      runs a script on time, over  callback  the signed notifications and their retries
//! media     fetches a message's medium, HEAD and GET
//! rules     who has joined, the 24-hour window, pacing (rules = "sandbox" and "production")
//! ```
//!
//! # Recipients that choose what happens
//!
//! Numbers that begin with `+39 399` (the usual checks take them for mobile numbers; here they reach nobody) carry
//! what is to become of the message: two digits say what, five digits more are an error code or milliseconds.
//!
//! | recipient | what happens |
//! | --- | --- |
//! | `+39 399 01 CCCCC` | refused when it is created, with Twilio's code CCCCC and its HTTP status (20429: 429; 20500: 500) |
//! | `+39 399 02 CCCCC` | `sent`, then `undelivered` with the code |
//! | `+39 399 03 CCCCC` | `failed` with the code |
//! | `+39 399 04 …` | stays `queued` for ever, and no callback comes |
//! | `+39 399 05 MMMMM` | the usual, MMMMM milliseconds later |
//! | `+39 399 06 …` | the usual, each callback twice |
//! | `+39 399 07 …` | `sent` and `delivered`, never `read` |
//! | `+39 399 08 …` | the usual callbacks in the wrong order: `read`, `delivered`, `sent` |
//! | `+39 399 09 …` | taken, with the usual callbacks, but the answer is HTTP 500: the sender is left in doubt |
//!
//! Any other fate can be given to any number through [`Simulator::set_script`] or `POST /simulator/scripts`.
//!
//! # Media
//!
//! Of a message to which the usual is to happen the first medium is fetched, once the message was taken, and may make
//! it fail: 63019, 63005 or 63034. A fate that was asked for stays as it is, and the medium unread.
//!
//! # Under `/simulator`
//!
//! All bodies are JSON. None of it asks for a key: the simulator belongs on a loopback address, and does nothing for
//! the pages of other sites (403).
//!
//! | request | does |
//! | --- | --- |
//! | `GET /simulator` | `{"simulator":"boatswain","version":…,"rules":…}` |
//! | `POST /simulator/accounts` | registers an account, its keys and senders: `{"sid","auth_tokens":[],"api_keys":[{"sid","secret"}],"senders":[]}` |
//! | `GET /` | the page with the phones, in [`page`]; what it consists of is under `/simulator/page/` |
//! | `GET /simulator/messages` | every message as Twilio shows it, with its callbacks and how the fetch of its medium went; with `?since=` and the `revision` of an earlier answer, what changed after it |
//! | `GET /simulator/events` | server-sent events: `changed` with `{"revision":N}` whenever something has changed |
//! | `POST /simulator/scripts` | `{"to":"+39…","script":…}`, see [`Script`]; `"script":null` takes it back |
//! | `POST /simulator/incoming` | somebody writes: `{"account_sid","from","to","body","url"}`; opens the 24-hour window, `join boatswain` joins the sandbox, and `url` (optional) gets Twilio's signed request |
//!
//! May know [`crate::base`], [`crate::whatsapp`] and the [`Rules`] of [`crate::config`]. It calls back loopback
//! addresses and the origins it was told to ([`Simulator::allow_callbacks_to`]), nothing else; whose media it fetches
//! is told by [`MediaFrom`] and [`Simulator::allow_media_from`].

mod accept;
mod accounts;
mod address;
mod admit;
mod attachments;
mod callback;
mod changes;
mod content;
mod control;
mod dates;
mod error;
mod guard;
mod headers;
mod inbound;
mod list;
mod media;
mod page;
mod play;
mod rest;
mod rules;
mod script;
mod senders;
mod settings;
mod store;
mod twiml;
mod validity;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use url::{Origin, Url};

use self::callback::Caller;
use self::headers::Concurrency;
use self::media::Fetcher;
use self::rules::Conversations;
use self::senders::StickySenders;
use self::store::Store;
use crate::base::{AccountSid, Clock, MessageSid};

pub use accounts::{ApiKey, MessagingService, SimulatedAccount, SimulatedSender, SimulatedTemplate};
pub use address::{Address, InvalidAddress};
pub use attachments::{Attachment, AttachmentContent};
pub use callback::is_loopback;
pub use inbound::{Button, Inbound, Location};
pub use media::MediaRecord;
pub use rules::{JOIN_CODE, Rules};
pub use script::{Script, Step};
pub use settings::{MediaFrom, Settings, Timings};
pub use store::{CallbackRecord, Direction, Message};
pub use twiml::AnswerError;

/// How long a shutdown waits for open requests.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(2);

/// Why a simulator could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    /// The address is taken, or not this computer's.
    #[error("the simulator can't listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The HTTP clients for callbacks and media could not be set up.
    #[error("{0}")]
    Client(String),
}

/// A running simulator. It ends with [`Simulator::shutdown`], or when this is dropped.
pub struct Simulator {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl Simulator {
    /// Starts a simulator on the caller's tokio runtime. Port 0 asks for a free one.
    ///
    /// # Errors
    /// See [`SimulatorError`].
    pub async fn bind(settings: Settings) -> Result<Self, SimulatorError> {
        let failed = |source| SimulatorError::Listen { address: settings.listen, source };
        let listener = TcpListener::bind(settings.listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let shared = Arc::new(Shared::new(settings, address)?);
        let own = guard::own_pages_only(control::routes().merge(page::routes()), address);
        let routes = rest::routes(&shared).merge(own).with_state(Arc::clone(&shared));
        let mut stopping = shared.stopping.subscribe();
        let stopped = async move {
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        let server = tokio::spawn(async move {
            let graceful = axum::serve(listener, routes).with_graceful_shutdown(stopped);
            if let Err(error) = graceful.await {
                tracing::error!(%error, "the simulator stopped");
            }
        });
        Ok(Self { address, shared, server })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// What to give as `api_base_url`.
    #[must_use]
    pub fn base_url(&self) -> String {
        base_url(self.address)
    }

    /// Registers an account, or adds keys and senders to one that is known.
    pub fn register(&self, account: SimulatedAccount) {
        self.shared.state().register(account);
    }

    /// Allows callbacks to the origin (scheme, host and port) of a URL besides loopback addresses: the configured
    /// public URL's.
    pub fn allow_callbacks_to(&self, url: &Url) {
        self.shared.state().callback_origins.push(url.origin());
    }

    /// Allows media to be fetched from the origin (scheme, host and port) of a URL: the host's public URL's, and that of
    /// a storage on this computer.
    pub fn allow_media_from(&self, url: &Url) {
        self.shared.state().media_origins.push(url.origin());
    }

    /// What becomes of messages to a number from now on; `None` takes it back.
    pub fn set_script(&self, to: Address, script: Option<Script>) {
        self.shared.state().set_script(to, script);
    }

    /// Every message, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.shared.state().messages.all().cloned().collect()
    }

    /// A counter that grows whenever a message is created or changes, or a callback ends: what to await instead
    /// of asking again and again.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.revision.subscribe()
    }

    /// Whether a simulator of ours answers at an address, within a second.
    pub async fn answers_at(address: SocketAddr) -> bool {
        control::is_simulator(address).await
    }

    /// Stops listening, gives open requests two seconds and drops what the messages had still to go through.
    pub async fn shutdown(mut self) {
        let _ = self.shared.stopping.send_replace(true);
        if tokio::time::timeout(SHUTDOWN_GRACE, &mut self.server).await.is_err() {
            self.server.abort();
        }
        let mut plays = std::mem::take(&mut *self.shared.plays());
        plays.shutdown().await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.shared.stopping.send_replace(true);
    }
}

fn base_url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// What the handlers and the plays of the messages share.
struct Shared {
    rules: Rules,
    /// Where it answers.
    base_url: String,
    timings: Timings,
    clock: Arc<dyn Clock>,
    concurrency: Concurrency,
    caller: Caller,
    fetcher: Fetcher,
    media: MediaFrom,
    state: Mutex<State>,
    plays: Mutex<JoinSet<()>>,
    stopping: watch::Sender<bool>,
    revision: watch::Sender<u64>,
}

/// What changes. Never locked across an await.
#[derive(Default)]
struct State {
    accounts: HashMap<AccountSid, SimulatedAccount>,
    messages: Store,
    sticky: StickySenders,
    conversations: Conversations,
    scripts: HashMap<Address, Script>,
    callback_origins: Vec<Origin>,
    media_origins: Vec<Origin>,
}

impl Shared {
    fn new(settings: Settings, address: SocketAddr) -> Result<Self, SimulatorError> {
        let mut state = State::default();
        for account in settings.accounts {
            state.register(account);
        }
        Ok(Self {
            rules: settings.rules,
            base_url: base_url(address),
            timings: settings.timings,
            concurrency: Concurrency::default(),
            clock: settings.clock,
            caller: Caller::new(settings.timings.retry_pause).map_err(SimulatorError::Client)?,
            fetcher: Fetcher::new().map_err(SimulatorError::Client)?,
            media: settings.media,
            state: Mutex::new(state),
            plays: Mutex::default(),
            stopping: watch::Sender::default(),
            revision: watch::Sender::default(),
        })
    }

    /// Whether a medium may be fetched from there.
    fn may_fetch(&self, url: &Url) -> bool {
        let is_neighbour = match self.media {
            MediaFrom::Loopback => is_loopback(url),
            MediaFrom::Named => false,
        };
        is_neighbour || self.state().media_origins.contains(&url.origin())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing is left half done where a panic could strike.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn plays(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.plays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells those who wait for changes.
    fn announce(&self) {
        self.revision.send_modify(|revision| *revision += 1);
    }

    /// Changes a message, if it is still there.
    fn change<T>(&self, sid: &MessageSid, change: impl FnOnce(&mut Message) -> T) -> Option<T> {
        let changed = self.state().messages.get_mut(sid).map(change);
        self.announce();
        changed
    }
}

impl State {
    fn register(&mut self, account: SimulatedAccount) {
        match self.accounts.get_mut(&account.sid) {
            Some(known) => known.merge(account),
            None => {
                self.accounts.insert(account.sid.clone(), account);
            }
        }
    }

    fn set_script(&mut self, to: Address, script: Option<Script>) {
        match script {
            Some(script) => self.scripts.insert(to, script),
            None => self.scripts.remove(&to),
        };
    }
}

#[cfg(test)]
mod tests;
