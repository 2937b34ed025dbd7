//! A stand-in for Twilio, so that applications can be written and tested without an account, a phone or a network.
//!
//! It answers Twilio's REST paths with Twilio's shapes and error codes, and reports what becomes of each message
//! in signed callbacks over real HTTP. A message plays a [`Script`]: as a rule `sent`, `delivered` and `read`,
//! 50, 150 and 300 ms after it was created. Its status has changed before the callback leaves, and the callbacks
//! of one message leave one after another, each when the one before was answered or given up.
//!
//! ```text
//! rest      Twilio's paths, over  accept  what Twilio checks before it takes a message, with  content  templates and
//!           senders  messaging services;  list  filters and pages;  attachments  media;  headers  of the answers
//! admit     what becomes of it     store   the messages and what is known of them
//! accounts  what is registered: keys, senders, messaging services, templates;  directory  reads it as Twilio shows it
//! inbound   what comes in          twiml   what the application answers to it
//! validity  how long a message may wait to be sent
//! control   /simulator/…           changes which messages have changed since somebody looked
//! page      GET /: the phones      guard   keeps the pages of other sites away
//! script    what becomes of a message, and the recipients that choose it
//! answer    what goes wrong with answers, over  wire  connections that can be reset
//! time      a clock that can be moved forward, and what is due
//! play      lets happen what is due, over  callback  the signed notifications and their retries
//! clients   what fetches and calls back
//! neighbour a simulator of another process
//! media     fetches a message's medium, HEAD and GET, and  sniff  looks at how it begins
//! rules     who has joined, the 24-hour window, STOP, pacing;  welcome  what Twilio answers to a join
//! ```
//!
//! # Twilio's paths
//!
//! Below `/2010-04-01/Accounts/{AC…}`, with the account's auth token or an API key; every answer has `Twilio-Request-Id`,
//! `Twilio-Request-Duration` and `Twilio-Concurrent-Requests`.
//!
//! | request | does |
//! | --- | --- |
//! | `POST /Messages.json` | creates a message: text, media, template, through a messaging service, scheduled (5 minutes to 35 days ahead), with a validity period (30036 when it is over) |
//! | `GET /Messages.json` | lists: `To`, `From`, `DateSent`, `DateSent<`, `DateSent>`; `PageSize`, `Page`, `PageToken` |
//! | `GET /Messages/{sid}.json` | reads one |
//! | `POST /Messages/{sid}.json` | `Status=canceled` calls off what is scheduled (30409 otherwise); `Body=` takes the text back |
//! | `DELETE /Messages/{sid}.json` | deletes it with its media; unless the rules are open, not while it is on its way (20009) |
//! | `GET /Messages/{sid}/Media.json` | lists its media: `DateCreated`, `DateCreated<`, `DateCreated>`, pages |
//! | `GET`, `DELETE /Messages/{sid}/Media/{ME…}.json` | reads or deletes one |
//! | `GET /Messages/{sid}/Media/{ME…}` | 307 to the bytes, at an address that asks for no key |
//!
//! Beside these `GET /2010-04-01/Accounts/{AC…}.json`, with the auth token only; and what Twilio has at
//! `messaging.twilio.com`: `GET /v2/Channels/Senders?Channel=whatsapp`, `GET /v1/Services/{MG…}`.
//!
//! A messaging service spreads recipients over its senders and stays with the one that it has chosen. The text of a
//! template that is registered is filled in and is the message's `body`; variables that do not fit it fail (63028), and so
//! do those that WhatsApp dislikes (63013). One that is not approved fails outside the 24-hour window (63016), under open
//! rules too. Under other rules only services and templates that are registered are known (21701, 21655).
//!
//! # Recipients that choose what happens
//!
//! Numbers that begin with `+39 399` (the usual checks take them for mobile numbers; here they reach nobody) carry
//! what is to become of the message: two digits say what, five digits more are an error code, milliseconds or seconds.
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
//! | `+39 399 10 SSSSS` | the first request, and each second one after it, is refused with 429 (20429) and `Retry-After: SSSSS`, at 00000 without that header; the request that follows is taken |
//! | `+39 399 11 …` | the usual, but the callback of `sent` comes, and is answered, before the answer to the request |
//! | `+39 399 12 …` | HTTP 500, and not taken |
//! | `+39 399 13 …`, `14` | no answer, and the connection stays open: taken with the usual callbacks (13), or not taken (14) |
//! | `+39 399 15 …`, `16` | the connection is reset (TCP RST): taken (15), or not (16) |
//! | `+39 399 17 …`, `18` | HTTP 201 with JSON that breaks off in the middle: taken (17), or not (18) |
//! | `+39 399 19 …`, `20` | HTTP 200 with a web page: taken (19), or not (20) |
//! | `+39 399 21 CCCCC` | `sent`, `delivered`, then a callback of `undelivered` with the code; the message stays `delivered` |
//! | `+39 399 22 …` | the usual, but reading the message is answered with HTTP 500 |
//!
//! Any other fate can be given to any number, or to all, so many times or until it is taken back, through
//! [`Simulator::set_script`] or `POST /simulator/scripts`. A script for the number comes before one for all, and both
//! before what the number itself asks for.
//!
//! # Rules
//!
//! | | `open` | `sandbox` | `production` |
//! | --- | --- | --- | --- |
//! | a phone that has not written `join boatswain` within 3 days | | `failed`, 63015 | |
//! | more than the sender's pace | | `failed`, 63018: one message in 3 s | `failed`, 63018: 80 messages in 1 s |
//! | no template, and nobody has written for 24 hours | | `undelivered`, 63016 | `undelivered`, 63016 |
//! | the phone has written STOP to the sender, and not START since | | has left the sandbox: 63015 | refused, 21610 |
//! | `join boatswain` is answered | | with Twilio's welcome | |
//! | a template with more than 1,024 characters | `failed`, 63021 | `failed`, 63021 | `failed`, 63021 |
//!
//! Who writes what is noted under all rules, so that others can be chosen at any time. Messages whose fate was asked for
//! are under no rule, and a scheduled message is judged when it is sent.
//!
//! # Media
//!
//! Of a message to which the usual is to happen the first medium is fetched, once the message was taken, and may make
//! it fail: 63019 where it can't be had, 63021 where it is of no type that WhatsApp takes or not of the type that its
//! server says, 63034 where it is too large. A fate that was asked for stays as it is, and the medium unread. With a
//! medium other than JPEG and PNG the phone shows no text (`shown_body`), as WhatsApp does; the message keeps it.
//!
//! # Time
//!
//! Dates, windows, joins, pacing, scheduled messages and what is to happen to messages go by one clock. Moving it
//! forward by call lets everything that lies between happen in order, each thing at its own time, before the call is
//! answered; only callbacks and media take their time, and pauses before retries stay as they are.
//!
//! # Under `/simulator`
//!
//! All bodies are JSON. None of it asks for a key: the simulator belongs on a loopback address, and does nothing for
//! the pages of other sites (403).
//!
//! | request | does |
//! | --- | --- |
//! | `GET /simulator` | `{"simulator":"boatswain","version":…,"rules":…,"now":…}` |
//! | `POST /simulator/accounts` | registers an account, or what is new about one: `{"sid","auth_tokens":[],"api_keys":[{"sid","secret"}],"senders":["+1…",{"number":"+1…","incoming_url":"http://…"}],"messaging_services":[{"sid":"MG…","senders":["+1…"]}],"templates":[{"sid":"HX…","text":"Ciao {{1}}","approved":true}]}` |
//! | `GET /simulator/accounts` | what is registered, without tokens and secrets |
//! | `GET /` | the page with the phones; what it consists of is under `/simulator/page/` |
//! | `GET /simulator/messages` | every message as Twilio shows it, with its callbacks, how the fetch of its medium went, and the text that the phone shows (`shown_body`); with `?since=` and the `revision` of an earlier answer, what changed after it |
//! | `GET /simulator/events` | server-sent events: `changed` with `{"revision":N}` whenever something has changed |
//! | `DELETE /simulator/messages` | forgets messages, scripts, and who has joined, written or stopped; accounts, rules and time stay |
//! | `POST /simulator/rules` | `{"rules":"open"}`, `"sandbox"` or `"production"` |
//! | `POST /simulator/clock` | `{"forward_ms":N}`, ten years at most; answers `{"now":…}` |
//! | `POST /simulator/scripts` | `{"to":"+39…","script":…,"times":N}`, see [`Script`]; without `to` for every number without one of its own, without `times` until it is taken back by `"script":null` |
//! | `GET /simulator/scripts` | those that wait for messages |
//! | `POST /simulator/incoming` | somebody writes, see below |
//!
//! # Messages that come in
//!
//! `POST /simulator/incoming` takes `{"from","to"}` and any of `account_sid` (needed where several accounts have the
//! sender), `body` (4,096 characters), `media` (`[{"content_type","base64"}]`, 16 MB each, or `[{"url"}]` of this computer), `profile_name`,
//! `location` (`{"latitude","longitude","address","label"}`), `button` (`{"text","payload"}`), `reply_to` (a message's
//! sid), `url`, `copies` (sends the request so many times) and `sid` (the message's; one that came in already is sent
//! again). It opens the 24-hour window and joins the sandbox (`join boatswain`).
//!
//! Twilio's signed request goes to `url`, or else to the sender's `incoming_url`: of an application with the simulator as its
//! environment that is `<public_url>/whatsapp/message/<appId>/<companyId>`. What the application answers is carried out: each
//! `<Message>` is sent (`outbound-reply`) under the rules of any other, `<Redirect>` is followed, a plain text is a reply.
//! What is wrong with an answer stands in the message's `answer_errors` and is its `error_code`: 11200 no success, 12100
//! no XML, 12300 the wrong type, 14103 an empty reply, or whatever refuses the reply.
//!
//! May know [`crate::base`], [`crate::whatsapp`] and the [`Rules`] of [`crate::config`]. It calls back loopback
//! addresses and the origins it was told to ([`Simulator::allow_callbacks_to`]), nothing else; whose media it fetches
//! is told by [`MediaFrom`] and [`Simulator::allow_media_from`].

mod accept;
mod accounts;
mod address;
mod admit;
mod answer;
mod attachments;
mod callback;
mod changes;
mod clients;
mod content;
mod control;
mod dates;
mod directory;
mod error;
mod guard;
mod headers;
mod inbound;
mod list;
mod media;
mod neighbour;
mod page;
mod play;
mod registrar;
mod rest;
mod rules;
mod script;
mod senders;
mod settings;
mod sniff;
mod store;
mod time;
mod twiml;
mod validity;
mod welcome;
mod wire;

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::middleware;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{Notify, watch};
use tokio::task::{JoinHandle, JoinSet};
use url::{Origin, Url};

use self::callback::Caller;
use self::headers::Concurrency;
use self::media::Fetcher;
use self::play::{Event, Parcel, keep_time};
use self::rules::Conversations;
use self::script::Scripts;
use self::senders::StickySenders;
use self::store::Store;
use self::time::{SimulatedClock, Timeline};
use self::wire::{Connection, Wire};
use crate::base::{AccountSid, Clock, MessageSid, UnixMillis};
use crate::whatsapp::MessageStatus;

pub use accounts::{ApiKey, MessagingService, SimulatedAccount, SimulatedSender, SimulatedTemplate};
pub use address::{Address, InvalidAddress};
pub use attachments::{Attachment, AttachmentContent};
pub use callback::is_loopback;
pub use clients::Clients;
pub use inbound::{Button, Inbound, Location};
pub use media::MediaRecord;
pub use neighbour::Neighbour;
pub use registrar::Registrar;
pub use rules::{JOIN_CODE, Rules};
pub use script::{Answer, Fault, Script, Step};
pub use settings::{MediaFrom, Settings, Time, Timings};
pub use sniff::beginning;
pub use store::{CallbackRecord, Direction, Message};
pub use twiml::AnswerError;

/// The furthest that the time moves at once.
const MAX_FORWARD: Duration = Duration::from_hours(10 * 366 * 24);
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

/// A running simulator. It ends with [`Simulator::shutdown`], or with the runtime; not when this is dropped.
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
        let answers = middleware::from_fn_with_state(Arc::clone(&shared), answer::give);
        let headers = middleware::from_fn_with_state(Arc::clone(&shared), headers::add);
        let own = guard::own_pages_only(control::routes().merge(page::routes()), address);
        let routes = rest::routes().layer(answers).layer(headers).merge(own).with_state(Arc::clone(&shared));
        let service = routes.into_make_service_with_connect_info::<Connection>();
        let mut stopping = shared.stopping.subscribe();
        let stopped = async move {
            let _ = stopping.wait_for(|stopping| *stopping).await;
        };
        let time = keep_time(Arc::clone(&shared));
        let server = tokio::spawn(async move {
            let serving = axum::serve(Wire(listener), service).with_graceful_shutdown(stopped);
            tokio::select! {
                served = serving.into_future() => {
                    if let Err(error) = served {
                        tracing::error!(%error, "the simulator stopped");
                    }
                }
                () = time => {}
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

    /// Who can change its accounts, without holding it.
    #[must_use]
    pub fn registrar(&self) -> Registrar {
        Registrar(Arc::clone(&self.shared))
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

    /// What becomes of messages to a number from now on, or to every number without a script of its own; `None` takes it
    /// back.
    pub fn set_script(&self, to: impl Into<Option<Address>>, script: Option<Script>) {
        self.shared.set_script(to.into(), script, None);
    }

    /// What becomes of the next messages, so many of them.
    pub fn set_script_times(&self, to: impl Into<Option<Address>>, script: Script, times: NonZeroU32) {
        self.shared.set_script(to.into(), Some(script), Some(times));
    }

    /// How strict it is from now on.
    pub fn set_rules(&self, rules: Rules) {
        self.shared.set_rules(rules);
    }

    /// The moment that it takes for now.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.shared.clock.now()
    }

    /// Moves the time forward: windows, joins, pacing, scheduled messages and what is to happen to messages. What lies
    /// between happens in order. Ten years at most.
    pub fn forward(&self, by: Duration) {
        self.shared.forward(by.min(MAX_FORWARD));
    }

    /// What its time is read from: a host that shares it takes the same moment for now.
    #[must_use]
    pub fn clock(&self) -> Arc<dyn Clock> {
        Arc::new(HostsClock(Arc::clone(&self.shared)))
    }

    /// How long it is until the next thing happens that is known to happen.
    #[must_use]
    pub fn until_next(&self) -> Option<Duration> {
        let due = self.shared.state().timeline.next_due()?;
        Some(due.saturating_sub(self.shared.clock.elapsed()))
    }

    /// Waits until no callback, no fetch of a medium and no message to the application is under way.
    pub async fn quiet(&self) {
        // The sender lives as long as this.
        let _ = self.shared.under_way.subscribe().wait_for(|number| *number == 0).await;
    }

    /// Whether nothing of this is under way.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        *self.shared.under_way.borrow() == 0
    }

    /// Somebody writes to a sender; takes and gives what `POST /simulator/incoming` does.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn receive(&self, incoming: serde_json::Value) -> Result<serde_json::Value, String> {
        control::receive(&self.shared, incoming).await
    }

    /// A message gets a status, as if its phone had caused it: `read`, when somebody looks at it at last. Nothing happens to
    /// one that is not there.
    pub fn becomes(&self, sid: &MessageSid, status: MessageStatus) {
        let step = Step::new(Duration::ZERO, status);
        self.shared.step(&mut self.shared.state(), sid, &step);
    }

    /// Forgets messages, scripts and who has written; accounts, rules and time stay.
    pub fn forget(&self) {
        self.shared.forget();
    }

    /// Every message, oldest first.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.shared.state().messages.all().cloned().collect()
    }

    /// A counter that grows whenever something changes, a message, a rule or what was asked for, and when a callback ends:
    /// what to await instead of asking again and again.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.shared.revision.subscribe()
    }

    /// Stops listening, gives open requests two seconds and drops what the messages had still to go through.
    pub async fn shutdown(mut self) {
        let _ = self.shared.stopping.send_replace(true);
        if tokio::time::timeout(SHUTDOWN_GRACE, &mut self.server).await.is_err() {
            self.server.abort();
        }
        let mut tasks = std::mem::take(&mut *self.shared.tasks());
        tasks.shutdown().await;
    }
}

fn base_url(address: SocketAddr) -> String {
    format!("http://{address}")
}

/// What the handlers and the time share.
struct Shared {
    /// Where it answers.
    base_url: String,
    timings: Timings,
    clock: SimulatedClock,
    /// When it began.
    started: UnixMillis,
    concurrency: Concurrency,
    caller: Caller,
    fetcher: Fetcher,
    media: MediaFrom,
    state: Mutex<State>,
    /// Callbacks and fetches under way.
    tasks: Mutex<JoinSet<()>>,
    /// How many of them there are.
    under_way: watch::Sender<usize>,
    /// Where they run; what starts them may be another thread.
    runtime: Handle,
    /// Rings when something was put on the timeline.
    alarm: Notify,
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
    timeline: Timeline<Event>,
    /// The callbacks of each message that has some under way.
    outbox: HashMap<MessageSid, VecDeque<Parcel>>,
    rules: Rules,
    scripts: Scripts,
    callback_origins: Vec<Origin>,
    media_origins: Vec<Origin>,
}

impl Shared {
    fn new(settings: Settings, address: SocketAddr) -> Result<Self, SimulatorError> {
        let mut state = State { rules: settings.rules, ..State::default() };
        for account in settings.accounts {
            state.register(account);
        }
        let clients = settings.clients.map_or_else(Clients::new, Ok).map_err(SimulatorError::Client)?;
        let clock = SimulatedClock::new(settings.clock, settings.time);
        Ok(Self {
            base_url: base_url(address),
            concurrency: Concurrency::default(),
            timings: settings.timings,
            started: clock.now(),
            clock,
            caller: Caller::new(clients.clone(), settings.timings.retry_pause),
            fetcher: Fetcher::new(clients),
            media: settings.media,
            state: Mutex::new(state),
            tasks: Mutex::default(),
            under_way: watch::Sender::default(),
            runtime: Handle::current(),
            alarm: Notify::new(),
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

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts what ends with the simulator.
    fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let under_way = UnderWay::begin(self);
        let task = async move {
            task.await;
            drop(under_way);
        };
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {} // those that have ended
        tasks.spawn_on(task, &self.runtime);
    }

    fn set_script(&self, to: Option<Address>, script: Option<Script>, times: Option<NonZeroU32>) {
        self.state().scripts.set(to, script, times);
        self.announce();
    }

    fn set_rules(&self, rules: Rules) {
        self.state().rules = rules;
        self.announce();
    }

    fn forget(&self) {
        let mut state = self.state();
        state.messages.clear();
        state.timeline.clear();
        state.outbox.values_mut().for_each(VecDeque::clear);
        (state.conversations, state.scripts, state.sticky) = Default::default();
        drop(state);
        self.announce();
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

/// The clock of a host that goes by the simulator's time.
struct HostsClock(Arc<Shared>);

impl Clock for HostsClock {
    fn now(&self) -> UnixMillis {
        self.0.clock.now()
    }

    fn skip(&self, time: Duration) -> bool {
        let stands = !self.0.clock.passes();
        if stands {
            self.0.forward(time);
        }
        stands
    }
}

/// A task that is under way, until it is dropped.
struct UnderWay(Arc<Shared>);

impl UnderWay {
    fn begin(shared: &Arc<Shared>) -> Self {
        shared.under_way.send_modify(|number| *number += 1);
        Self(Arc::clone(shared))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.send_modify(|number| *number = number.saturating_sub(1));
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
}

#[cfg(test)]
mod tests;
