//! One test's world: a host over new databases, a simulator, and a time that stands still.
//!
//! Whatever a test does, the world then comes to [`rest`](World::rest): no callback is under way, no run is, and nothing
//! more happens within a second. What is due later happens when the test moves the time, each thing at its own moment.
//!
//! All of it blocks, on a thread that is none of the runtime's.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;
use url::Url;

use super::folder::Folder;
use super::storage::Storage;
use super::suite::Suite;
use crate::base::{ActionId, AppId, CompanyId, Diagnostic, ManualClock, UnixMillis};
use crate::config::{Application, Rules};
use crate::pipeline::{
    ApplicationSetup, CapsHold, DirectRun, Event, Events, Internet, Network, Reconciler, Revision, RunReport,
    Surroundings, WAITING_BYTES,
};
use crate::runtime::{Engine, simulated_accounts};
use crate::script::catalogue;
use crate::script::protocol::{Bundle, Failure, Frame};
use crate::simulator::{Clients, MediaFrom, Settings, Simulator, Time};
use crate::store::{AppDb, DataDir, Fence, HostDb, HostKey, Ledger, SqlLimits, StoreError};
use crate::web::{Applications, Listener, ListenerLimits, Readiness, Site};
use crate::whatsapp::{MediaProbe, Reach, Transfer, Twilio};

/// When every test begins: Monday, 5 January 2026, 09:00 UTC.
const BEGINNING: UnixMillis = UnixMillis(1_767_603_600_000);
/// What happens so soon after something else is a part of it.
const SOON: Duration = Duration::from_secs(1);
/// How many things may follow from one thing, each soon after the one before.
const MOST_THAT_FOLLOWS: u32 = 200;
/// How many runs they may start.
const MOST_RUNS: usize = 3_000;
/// At how many moments something may happen while the time is moved.
const MOST_MOMENTS: u32 = 10_000;
/// How long the computer may take until a world is at rest.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long signed URLs say that they are good where the parameters say nothing.
const SIGNED_URL_LIFETIME: Duration = Duration::from_hours(1);

/// What is the same in all worlds.
#[derive(Clone)]
pub(super) struct Ground {
    twilio: Twilio,
    clients: Clients,
    probe: MediaProbe,
    runtime: Handle,
}

impl Ground {
    /// On the caller's runtime.
    ///
    /// # Errors
    /// When the HTTP client cannot be set up.
    pub(super) fn new() -> Result<Self, Diagnostic> {
        let failed =
            |why| Diagnostic::error("HTTP_CLIENT", format!("the HTTP client cannot be set up: {why}"));
        let (twilio, clients) = (Twilio::new().map_err(failed)?, Clients::new().map_err(failed)?);
        let probe = MediaProbe::new("http://127.0.0.1", Reach::Public).map_err(failed)?;
        Ok(Self { twilio, clients, probe, runtime: Handle::current() })
    }
}

/// A run of the callback's or incoming message's action that failed.
#[derive(Debug, Clone)]
pub(super) struct FailedRun {
    pub(super) action: ActionId,
    pub(super) failure: Failure,
}

/// A line that an action logged.
#[derive(Debug, Clone)]
pub struct Logged {
    /// The action.
    pub action: ActionId,
    /// `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// The line.
    pub text: String,
}

/// See the module.
pub(super) struct World {
    /// What its runs go by.
    application: Arc<Application>,
    bundle: Arc<Bundle>,
    runtime: Handle,
    engine: Engine,
    simulator: Simulator,
    listener: Listener,
    /// There if the parameters have it, or once the test has put something into it.
    storage: Option<Storage>,
    reconciler: Reconciler,
    ledger: Ledger,
    events: broadcast::Receiver<Event>,
    /// Runs that failed and that the test has not asked for yet.
    pub(super) failures: Vec<FailedRun>,
    /// How many runs have ended so far.
    runs: usize,
    /// What the actions have logged so far.
    pub(super) log: Vec<Logged>,
    /// Deleted last.
    _folder: Folder,
}

/// Why a world does not come to rest, for the author of the test.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Restless {
    /// Each thing brings about another one.
    #[error(
        "the world does not come to rest: more than {MOST_RUNS} runs, or {MOST_THAT_FOLLOWS} moments at which something has \
         happened, each within a second of the one before. Does an action send whenever it hears of a message?"
    )]
    Circle,
    /// The time is moved too far for all that happens in it.
    #[error("at more than {MOST_MOMENTS} moments something happens in this time: move it less far")]
    TooMuch,
    /// The computer is too slow, or something hangs.
    #[error("the world does not come to rest within {} s", PATIENCE.as_secs())]
    Hangs,
    /// The host cannot read its own database.
    #[error("the host's database: {0}")]
    Store(String),
}

impl World {
    /// A new world.
    ///
    /// # Errors
    /// When a folder, a port or a database cannot be had, or a migration fails.
    pub(super) fn new(suite: &Suite) -> Result<Self, Diagnostic> {
        let (application, ground) = (&suite.application, &suite.ground);
        let trouble =
            |why: String| Diagnostic::error("TEST_WORLD", format!("a test's world cannot be made: {why}"));
        let folder = Folder::new().map_err(|error| trouble(error.to_string()))?;
        let data = DataDir::create(folder.path()).map_err(|error| error.diagnostic())?;
        let runtime = &ground.runtime;
        let socket = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let socket = socket.map_err(|error| trouble(error.to_string()))?;
        let address = socket.local_addr().map_err(|error| trouble(error.to_string()))?;
        let public_url: Arc<str> = format!("http://{address}").into();
        let simulator = Simulator::bind(Settings {
            rules: Rules::Open,
            accounts: simulated_accounts(std::iter::once(application), &public_url),
            media: MediaFrom::Named,
            clock: Arc::new(ManualClock::at(BEGINNING)),
            clients: Some(ground.clients.clone()),
            time: Time::Stands,
            ..Settings::default()
        });
        let simulator = runtime.block_on(simulator).map_err(|error| trouble(error.to_string()))?;
        let simulator_url = Url::parse(&simulator.base_url()).map_err(|error| trouble(error.to_string()))?;
        if let Ok(url) = Url::parse(&public_url) {
            simulator.allow_media_from(&url);
        }
        let clock = simulator.clock();

        let host_db = HostDb::open(&data.host_db()).map_err(|error| error.diagnostic())?;
        let file = data.app_db(&application.id);
        let db = AppDb::open(&file, host_db.id(), SqlLimits::from(&application.limits));
        let db = db.map_err(|error| error.diagnostic())?;
        db.migrate(&suite.migrations, clock.now()).map_err(|error| error.of_trial())?;
        let probe = ground.probe.of_host(&public_url).map_err(trouble)?;
        let network: Arc<dyn Network> = Arc::new(Internet {
            twilio: ground.twilio.clone(),
            transfer: Transfer::new(probe.clone()),
            probe,
            is_serving: true,
            runtime: ground.runtime.clone(),
        });
        let surroundings = Surroundings {
            clock: Arc::clone(&clock),
            workers: Arc::clone(&suite.workers) as _,
            network,
            public_url: Arc::clone(&public_url),
            simulator_url: Some(simulator_url),
            simulator_rules: Rules::Open,
            caps: CapsHold::Everywhere,
            pacer: Arc::default(),
            ledger: data.host_db(),
            key: HostKey::open(&data.host_key()).map_err(|error| error.diagnostic())?,
            runtime: ground.runtime.clone(),
            events: Events::default(),
            waiting_bytes: WAITING_BYTES,
        };
        let events = surroundings.events.subscribe();
        let storage = application.storage.as_ref().map(|section| section.signed_url_lifetime);
        let storage = storage.map(|lifetime| start_storage(lifetime, &simulator, runtime)).transpose();
        let storage = storage.map_err(trouble)?;
        let setup = ApplicationSetup {
            parameters: Arc::clone(application),
            bundle: Arc::clone(&suite.bundle),
            db,
            storage: storage.as_ref().map(|storage| Arc::clone(storage.urls())),
        };
        let engine = Engine::new(host_db, &surroundings, vec![setup]).map_err(|error| error.diagnostic())?;
        engine.pipeline.start(&engine.inbox).map_err(|error| error.diagnostic())?;
        let applications = BTreeMap::from([(application.id.clone(), Arc::clone(application))]);
        let readiness = Readiness::default();
        readiness.set(true);
        let served = Site {
            applications: Applications::new(applications),
            inbox: engine.inbox.clone(),
            clock,
            public_url,
            public_dir: suite.public.clone(),
            readiness,
        };
        let listener = {
            let _on_it = runtime.enter();
            Listener::serve(socket, served.router(), ListenerLimits::default())
        };
        let listener = listener.map_err(|error| trouble(error.to_string()))?;
        let pipeline = Arc::clone(&engine.pipeline);
        let parameters = Arc::clone(application);
        let known = Box::new(move |app: &AppId| (*app == parameters.id).then(|| Arc::clone(&parameters)));
        let is_open = Box::new(move |app: &AppId, message| pipeline.is_open(app, message));
        let reconciler = Reconciler::new(&surroundings, engine.inbox.clone(), known, is_open);
        Ok(Self {
            application: Arc::clone(application),
            bundle: Arc::clone(&suite.bundle),
            runtime: runtime.clone(),
            engine,
            simulator,
            listener,
            storage,
            reconciler,
            ledger: Ledger::open(&data.host_db()).map_err(|error| error.diagnostic())?,
            events,
            failures: Vec::new(),
            runs: 0,
            log: Vec::new(),
            _folder: folder,
        })
    }

    /// The application's parameters.
    pub(super) fn application(&self) -> &Application {
        &self.application
    }

    /// Its scripts.
    pub(super) fn scripts(&self) -> &Bundle {
        &self.bundle
    }

    /// The application goes by other parameters from the next run on.
    ///
    /// # Errors
    /// What the change says.
    pub(super) fn change(
        &mut self,
        change: impl FnOnce(&mut Application) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut application = Application::clone(&self.application);
        change(&mut application)?;
        self.take_over(Arc::new(application))
    }

    fn take_over(&mut self, application: Arc<Application>) -> Result<(), String> {
        let revision = Revision {
            parameters: Arc::clone(&application),
            bundle: Arc::clone(&self.bundle),
            storage: self.storage.as_ref().map(|storage| Arc::clone(storage.urls())),
            migrations: None,
        };
        let taken = self.engine.pipeline.take_over(revision, self.now());
        taken.map_err(|error| error.to_string())?;
        self.application = application;
        Ok(())
    }

    /// Where its objects are, if it has a storage.
    pub(super) fn storage(&self) -> Option<&Storage> {
        self.storage.as_ref()
    }

    /// The same; one that it had not it has from now on.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub(super) fn storage_or_new(&mut self) -> Result<&Storage, String> {
        if self.storage.is_none() {
            self.storage = Some(start_storage(SIGNED_URL_LIFETIME, &self.simulator, &self.runtime)?);
            self.take_over(Arc::clone(&self.application))?;
        }
        self.storage.as_ref().ok_or_else(|| "there is none".to_owned())
    }

    /// Changes who may be written to.
    ///
    /// # Errors
    /// When it could not be recorded.
    pub(super) fn fence(&self, fence: Fence) -> Result<(), StoreError> {
        self.runtime.block_on(self.engine.inbox.fence(fence, self.now())).map(drop)
    }

    /// The code around a place in its actions.
    pub(super) fn code_frame(&self, place: &Frame) -> Option<String> {
        self.bundle.code_frame(place)
    }

    /// The names of its actions.
    pub(super) fn actions(&self) -> impl Iterator<Item = &str> {
        catalogue::actions(&self.bundle)
    }

    /// The stand-in for Twilio and for all phones.
    pub(super) fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// The moment.
    pub(super) fn now(&self) -> UnixMillis {
        self.simulator.now()
    }

    /// Runs an action, and lets happen what follows from it.
    ///
    /// # Errors
    /// See [`Restless`]; within, why the run did not begin.
    pub(super) fn run(
        &mut self,
        action: ActionId,
        company: CompanyId,
        vo: serde_json::Value,
    ) -> Result<Result<RunReport, String>, Restless> {
        let order = DirectRun { action, company, vo: Arc::new(vo) };
        let run = self.engine.pipeline.run(&self.application.id, order);
        let report = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, run).await });
        let report = report.map_err(|_| Restless::Hangs)?;
        self.rest()?;
        Ok(report.map_err(|not_run| not_run.to_string()))
    }

    /// Works on the application's database, as a run of its own.
    ///
    /// # Errors
    /// When the transaction cannot be begun or committed; within, what the work says.
    pub(super) fn with_database<T, E>(
        &self,
        work: impl FnOnce(&AppDb) -> Result<T, E>,
    ) -> Result<Result<T, E>, StoreError> {
        let done = self.engine.pipeline.with_database(&self.application.id, |db| {
            db.begin()?;
            let result = work(db);
            if result.is_ok() {
                db.commit()?;
            } else {
                db.rollback()?;
            }
            Ok(result)
        });
        done.unwrap_or_else(|| Err(StoreError::Unavailable("the world has ended".into())))
    }

    /// Lets happen what follows from what has happened, until nothing more happens within a second.
    ///
    /// # Errors
    /// See [`Restless`].
    pub(super) fn rest(&mut self) -> Result<(), Restless> {
        let before = self.runs;
        for _ in 0..MOST_THAT_FOLLOWS {
            self.settle()?;
            if self.runs - before > MOST_RUNS {
                break;
            }
            match self.simulator.until_next().filter(|wait| *wait <= SOON) {
                None => return Ok(()),
                Some(wait) => self.forward(wait),
            }
        }
        Err(Restless::Circle)
    }

    /// Moves the time. What lies between happens in order: what becomes of messages, runs that are tried again, and
    /// questions that the host asks Twilio by itself.
    ///
    /// # Errors
    /// See [`Restless`].
    pub(super) fn advance(&mut self, by: Duration) -> Result<(), Restless> {
        let end = self.now().plus(by);
        for _ in 0..MOST_MOMENTS {
            self.ask_what_is_due()?;
            self.settle()?;
            let now = self.now();
            let polled = self.ledger.next_poll_at().map_err(|error| Restless::Store(error.to_string()))?;
            let tried = self.engine.pipeline.next_due(&self.application.id);
            let hosts =
                [polled, tried].into_iter().flatten().filter(|due| *due > now).map(|due| due.since(now));
            let next = hosts.chain(self.simulator.until_next()).min();
            match next.filter(|wait| now.plus(*wait) <= end) {
                Some(wait) => self.forward(wait),
                None if now < end => self.forward(end.since(now)),
                None => return self.rest(),
            }
        }
        Err(Restless::TooMuch)
    }

    fn forward(&self, by: Duration) {
        self.simulator.forward(by);
        self.engine.pipeline.look(&self.application.id);
    }

    /// Asks Twilio about the messages that are due.
    fn ask_what_is_due(&mut self) -> Result<(), Restless> {
        let now = self.now();
        self.reconciler.poll_due(now).map(drop).map_err(|error| Restless::Store(error.to_string()))
    }

    /// Waits until nothing is under way.
    fn settle(&mut self) -> Result<(), Restless> {
        let (simulator, pipeline) = (&self.simulator, &self.engine.pipeline);
        let settled = async {
            loop {
                simulator.quiet().await;
                pipeline.quiet(&self.application.id).await;
                // What had a run begin was over before; what a run has begun may not be.
                if simulator.is_quiet() {
                    return;
                }
            }
        };
        let settled = self.runtime.block_on(async { tokio::time::timeout(PATIENCE, settled).await });
        settled.map_err(|_| Restless::Hangs)?;
        self.hear();
        Ok(())
    }

    /// Takes in what the runs have told.
    fn hear(&mut self) {
        loop {
            let (action, notification, report) = match self.events.try_recv() {
                Ok(Event::Ran { action, notification, report, .. }) => (action, notification, report),
                Ok(_) | Err(TryRecvError::Lagged(_)) => continue,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return,
            };
            self.runs += 1;
            for line in report.log {
                let (action, level) = (action.clone(), line.level.as_str());
                self.log.push(Logged { action, level, text: line.text });
            }
            if let (Some(_), Err(failure)) = (notification, report.result) {
                self.failures.push(FailedRun { action, failure });
            }
        }
    }

    /// Somebody writes to a sender; as [`Simulator::receive`].
    ///
    /// # Errors
    /// What is wrong with it.
    pub(super) fn receive(&self, incoming: serde_json::Value) -> Result<(), String> {
        self.runtime.block_on(self.simulator.receive(incoming)).map(drop)
    }

    /// Ends it.
    pub(super) fn end(self) {
        self.runtime.block_on(self.listener.stop());
        if let Some(storage) = self.storage {
            self.runtime.block_on(storage.stop());
        }
        let Engine { pipeline, inbox, writer } = self.engine;
        let _ = pipeline.drain(Duration::from_secs(5));
        self.runtime.block_on(self.simulator.shutdown());
        // Nobody holds the inbox any more, so its thread ends.
        drop((pipeline, inbox, self.reconciler));
        writer.join();
    }
}

/// A storage in which the simulator may look.
fn start_storage(lifetime: Duration, simulator: &Simulator, runtime: &Handle) -> Result<Storage, String> {
    let storage = Storage::start(lifetime, runtime).map_err(|error| error.to_string())?;
    simulator.allow_media_from(storage.urls().endpoint());
    Ok(storage)
}
