//! The pipeline: notification → run → done.
//!
//! ```text
//! inbox ──Accepted──► Application ── claim ──► slot ──► worker (JavaScript)
//!                      │ Queue: what may run    │ batch: one transaction, a savepoint for each run
//!                      │ baton: the database    │ send: commit, give the baton up, ask Twilio, take it again
//!                      ▼                        ▼
//!                    who waits, who is next    COMMIT ──► done marks to the inbox
//! ```
//!
//! [`queue`] decides, and is pure, and so is `window`, which says what of all that waits is in memory; [`application`] is
//! the shell around it: a lock, a condition, and the baton, which is the one connection that may write the application's
//! database. [`slot`] is a thread that claims a batch and runs it ([`batch`]); [`calls`] is one run's conversation with its
//! worker, [`sends`] what happens when it sends, [`saves`] when it saves a medium; [`settle`] tells how it ended. [`pool`]
//! keeps workers that are idle, one in reserve, and [`share`] what the application may use of the processor. A quiet
//! application has no thread and no worker. [`reconcile`] asks Twilio what it has not told.
//!
//! May know [`crate::host`] and everything below. Knows nothing of HTTP servers or the command line.

mod admission;
mod application;
mod backoff;
mod batch;
mod breaker;
mod calls;
mod edition;
mod evidence;
mod gate;
mod keep;
mod keys;
mod meter;
mod outside;
mod pacer;
mod pool;
pub mod queue;
mod reconcile;
mod report;
mod run;
mod saves;
mod sends;
mod settle;
mod share;
mod slot;
mod take_over;
mod window;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{broadcast, oneshot};
use url::Url;

use crate::base::{
    ActionId, AppId, Clock, CompanyId, Diagnostic, MessageId, NotificationId, UnixMillis, stage,
};
use crate::config;
use crate::pipeline::application::Application;
use crate::pipeline::queue::Arrival;
use crate::script::protocol::Bundle;
use crate::store::{Accepted, AppDb, HostKey, Inbox, Ledger, Mark, News, StoreError};
use crate::whatsapp::{Outcome, SignedUrls};

pub use evidence::{Evidence, replay, run_again};
pub use keep::Pruned;
pub use outside::{Internet, Network, WorkerHandle, Workers};
pub use pacer::Pacer;
pub use pool::sandbox_limits;
pub use reconcile::{IsOpen, Known, Reconciler, Reconciliation};
pub use report::{CallMade, RecordedFailure, RunReport};
pub use take_over::Revision;

/// How much the waiting notifications of one application may weigh in memory, in bytes: some ten thousand of them.
pub const WAITING_BYTES: usize = 16 << 20;

/// What every application's runs share.
#[derive(Clone)]
pub struct Surroundings {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where workers come from.
    pub workers: Arc<dyn Workers>,
    /// The way to Twilio.
    pub network: Arc<dyn Network>,
    /// This host as Twilio sees it, without a trailing slash.
    pub public_url: Arc<str>,
    /// Where the simulator listens, if there is one.
    pub simulator_url: Option<Url>,
    /// How strict it is.
    pub simulator_rules: config::Rules,
    /// Where caps and allowed countries hold.
    pub caps: CapsHold,
    /// The lines in which messages wait for their senders.
    pub pacer: Arc<Pacer>,
    /// Where `host.db` is, for the runs that look a message up.
    pub ledger: PathBuf,
    /// What contents are hashed and keys are sealed with.
    pub key: HostKey,
    /// Where futures are driven.
    pub runtime: tokio::runtime::Handle,
    /// Who wants to know what happens.
    pub events: Events,
    /// How much waiting work of each application is held in memory, in bytes: [`WAITING_BYTES`]. The rest stays on the
    /// disk.
    pub waiting_bytes: usize,
}

/// Where the caps on what is sent hold, and the list of countries that may be written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CapsHold {
    /// Where messages cost money: not in the simulator.
    #[default]
    OutsideTheSimulator,
    /// In the simulator too: for tests of what an action does then.
    Everywhere,
}

/// Something that happened, for those who watch: the demo's screen, a test that waits.
#[derive(Debug, Clone)]
pub enum Event {
    /// A notification is durable and waits for its action.
    Received(Accepted),
    /// A send came to its outcome.
    Sent {
        /// The application.
        app: AppId,
        /// Whose account and sender.
        company: CompanyId,
        /// What the script is told.
        outcome: Outcome,
    },
    /// An attempt of a run is over, and its effect committed.
    Ran {
        /// The application.
        app: AppId,
        /// The action.
        action: ActionId,
        /// The notification that started it, and what becomes of it.
        notification: Option<(NotificationId, Mark)>,
        /// How it ended.
        report: RunReport,
    },
}

/// Where events are told; costs nothing while nobody listens, and a slow listener misses some.
#[derive(Debug, Clone)]
pub struct Events(broadcast::Sender<Event>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::channel(1024).0)
    }
}

impl Events {
    /// Listens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.0.subscribe()
    }

    fn tell(&self, event: impl FnOnce() -> Event) {
        if self.0.receiver_count() > 0 {
            let _ = self.0.send(event());
        }
    }
}

/// One application, ready to run.
pub struct ApplicationSetup {
    /// Its parameters.
    pub parameters: Arc<config::Application>,
    /// Its scripts.
    pub bundle: Arc<Bundle>,
    /// Its database, migrated.
    pub db: AppDb,
    /// What signs URLs of its objects.
    pub storage: Option<Arc<SignedUrls>>,
}

/// A run that somebody asked for by hand.
#[derive(Debug, Clone)]
pub struct DirectRun {
    /// The action.
    pub action: ActionId,
    /// The company.
    pub company: CompanyId,
    /// `vo`, a JSON text that was checked.
    pub vo: Arc<serde_json::Value>,
}

/// All applications at work.
pub struct Pipeline {
    surroundings: Surroundings,
    inbox: OnceLock<Inbox>,
    applications: RwLock<BTreeMap<AppId, Arc<Application>>>,
    /// Applications that are in the parameters no more, and whose runs had not ended when they were last looked for.
    leaving: RwLock<BTreeMap<AppId, Arc<Application>>>,
    /// Whether the host is stopping: no application is added any more.
    stopping: AtomicBool,
}

/// Why a run did not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotRun {
    /// No such application in the parameters.
    #[error("there is no application `{0}`")]
    UnknownApplication(AppId),
    /// `vo` is larger than it may be.
    #[error("`vo` takes {bytes} bytes; a run takes {most} (limits.vo_kb = {})", most / 1024)]
    TooLarge {
        /// Its size as JSON.
        bytes: usize,
        /// What is allowed.
        most: usize,
    },
    /// The host is stopping.
    #[error("the host is stopping")]
    Stopping,
}

impl NotRun {
    /// The same with a code and what to do.
    #[must_use]
    pub fn diagnostic(&self) -> Diagnostic {
        match self {
            Self::TooLarge { .. } => Diagnostic::error("VO_TOO_LARGE", self.to_string())
                .help("give what names the data, not the data; or ask an admin for more limits.vo_kb"),
            Self::UnknownApplication(_) => Diagnostic::error("UNKNOWN_APPLICATION", self.to_string())
                .help("see the sections of app-params.toml; where it is one of them, the host's log says why it is not in force"),
            Self::Stopping => Diagnostic::error("STOPPING", self.to_string()),
        }
    }
}

impl Pipeline {
    /// Readies the applications; nothing runs before [`Pipeline::start`].
    #[must_use]
    pub fn new(surroundings: &Surroundings, setups: Vec<ApplicationSetup>) -> Self {
        let applications = setups
            .into_iter()
            .map(|setup| {
                let id = setup.parameters.id.clone();
                (id, Application::new(setup, surroundings.clone()))
            })
            .collect();
        Self {
            surroundings: surroundings.clone(),
            inbox: OnceLock::new(),
            applications: RwLock::new(applications),
            leaving: RwLock::default(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Begins to run what waited before this process began; ends of runs are recorded in `inbox`.
    ///
    /// # Errors
    /// When the databases cannot be read.
    pub fn start(&self, inbox: &Inbox) -> Result<(), StoreError> {
        self.attach(inbox);
        let ledger = Ledger::open(&self.surroundings.ledger)?;
        for app in ledger.applications_with_waiting()? {
            if !AppId::parse(&app).is_ok_and(|app| self.knows(&app)) {
                tracing::warn!(%app, "notifications wait for an application that is not configured");
            }
        }
        for application in self.all() {
            application.start(&ledger)?;
        }
        Ok(())
    }

    /// Ends of runs are recorded in `inbox`; what waits is left alone.
    pub fn attach(&self, inbox: &Inbox) {
        let _ = self.inbox.set(inbox.clone()); // it is set once
        for application in self.all() {
            application.attach(inbox.clone());
        }
    }

    /// Takes in what the inbox has made durable.
    pub fn hear(&self, news: &News) {
        match news {
            News::Accepted(accepted) => self.accept(accepted),
            News::Replayed(app, at) => {
                if let Some(application) = self.application(app) {
                    application.replayed(*at);
                }
            }
        }
    }

    fn accept(&self, accepted: &[Accepted]) {
        for new in accepted {
            self.surroundings.events.tell(|| Event::Received(new.clone()));
        }
        // Usually one application's: no map is built for it.
        let mut rest = accepted;
        while let Some(first) = rest.first() {
            let same = rest.iter().take_while(|other| other.app == first.app).count();
            let (now, later) = rest.split_at(same);
            if let Some(application) = self.application(&first.app) {
                application.arrive(now.iter().map(arrival).collect());
            }
            rest = later;
        }
    }

    fn application(&self, app: &AppId) -> Option<Arc<Application>> {
        read(&self.applications).get(app).cloned()
    }

    fn all(&self) -> Vec<Arc<Application>> {
        read(&self.applications).values().cloned().collect()
    }

    /// Whether there is such an application.
    #[must_use]
    pub fn knows(&self, app: &AppId) -> bool {
        self.application(app).is_some()
    }

    /// What an admin has set for an application.
    #[must_use]
    pub fn parameters(&self, app: &AppId) -> Option<Arc<config::Application>> {
        self.application(app).map(|application| Arc::clone(&application.edition().parameters))
    }

    /// Runs an action by hand; answers when its transaction is committed.
    ///
    /// # Errors
    /// [`NotRun`] when the application is unknown, `vo` is too large or the host stops first.
    pub async fn run(&self, app: &AppId, run: DirectRun) -> Result<RunReport, NotRun> {
        let application = self.application(app).ok_or_else(|| NotRun::UnknownApplication(app.clone()))?;
        let most =
            usize::try_from(application.edition().parameters.limits.vo_kb).unwrap_or(usize::MAX) * 1024;
        let bytes = run.vo.to_string().len();
        if bytes > most {
            return Err(NotRun::TooLarge { bytes, most });
        }
        let (reply, answer) = oneshot::channel();
        application.direct(run, reply);
        answer.await.map_err(|_| NotRun::Stopping)
    }

    /// Waits until no run of an application is under way and none may begin: what is left waits for its time, or for news.
    pub async fn quiet(&self, app: &AppId) {
        if let Some(application) = self.application(app) {
            application.quiet().await;
        }
    }

    /// When the next run of an application is due that waits for its time.
    #[must_use]
    pub fn next_due(&self, app: &AppId) -> Option<UnixMillis> {
        self.application(app)?.next_due()
    }

    /// Tells an application to look at the clock: a run may be due that was not a moment ago. Needed by those who set the
    /// clock themselves.
    pub fn look(&self, app: &AppId) {
        if let Some(application) = self.application(app) {
            application.look();
        }
    }

    /// Works on an application's database between two batches, beside its runs; `None` for an application that is not
    /// there, and when the host is stopping. Blocks.
    pub fn with_database<T>(&self, app: &AppId, work: impl FnOnce(&mut AppDb) -> T) -> Option<T> {
        self.application(app)?.between_batches(work)
    }

    /// Whether a run that sends this message, or has sent it, is open or waits to be taken up again.
    #[must_use]
    pub fn is_open(&self, app: &AppId, message: MessageId) -> bool {
        self.application(app).is_some_and(|application| application.is_open(message))
    }

    /// Lets the runs that are open come to their end and begins no other; `false` when some were still open after
    /// `limit`, and are left to be taken up again by the next process.
    #[must_use]
    pub fn drain(&self, limit: Duration) -> bool {
        let deadline = stage::now() + limit;
        // Before they are listed: what is added in between is in the list.
        self.stopping.store(true, Ordering::SeqCst);
        let mut applications = self.all();
        applications.extend(read(&self.leaving).values().cloned());
        for application in &applications {
            application.stop();
        }
        // Every application is waited for, so that idle ones give their threads back too.
        let mut idle = true;
        for application in &applications {
            idle &= application.wait_until_idle(deadline);
        }
        idle
    }
}

/// Nothing that could panic is done under these locks, and nobody waits under them.
fn read<T>(lock: &RwLock<T>) -> std::sync::RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn arrival(accepted: &Accepted) -> Arrival {
    Arrival {
        id: accepted.id,
        company: accepted.company.clone(),
        line: accepted.line.clone(),
        message: accepted.message,
        form: accepted.form.clone(),
        source: accepted.source,
        attempts: 0,
        kills: 0,
        not_before: None,
        recovered: false,
        scheduled: false,
        generation: 0,
    }
}
