//! Starting a host, from the bottom up.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::net::TcpListener;
use url::Url;

use crate::base::{AppId, Diagnostic, Place};
use crate::config::{self, Address};
use crate::control::{ControlServer, Desk};
use crate::pipeline::{
    ApplicationSetup, CapsHold, Events, Internet, Reconciler, Reconciliation, Surroundings, WAITING_BYTES,
};
use crate::runtime::named::unknown_actions;
use crate::runtime::reading::{Ground, InForce, Seen};
use crate::runtime::reload::{Inner, Memory, Reloader};
use crate::runtime::retention::Retention;
use crate::runtime::simulated::{simulated_accounts, uses_simulator};
use crate::runtime::{Engine, Host, HostBuilder, open_files, tell, unloadable, watch};
use crate::simulator::{self, MediaFrom, Neighbour, Settings, Simulator, SimulatorError};
use crate::store::{DataDir, DataLock, HostDb, HostKey, SqlLimits, StoreError};
use crate::web::{Applications, Listener, ListenerLimits, Readiness, Site};
use crate::whatsapp::twilio::CONNECT_TIMEOUT;
use crate::whatsapp::{MediaProbe, Reach, Transfer, Twilio};

type Problems = Vec<Diagnostic>;

impl HostBuilder {
    /// Starts the host with its listeners, and takes up what waits.
    ///
    /// # Errors
    /// Everything that stands in the way: the folder, the ports, the databases, migrations, credentials.
    pub async fn serve(self) -> Result<Host, Problems> {
        let data = DataDir::create(&self.data).map_err(one)?;
        let lock = data.lock().map_err(one)?;
        let address = self.listen.unwrap_or(self.params.host.listen);
        let socket = match TcpListener::bind(address).await {
            Ok(socket) => socket,
            Err(error) => return Err(self.cannot_listen(address, &error).await),
        };
        let bound = socket.local_addr().map_err(|error| {
            vec![Diagnostic::error("LISTEN", format!("the host cannot listen on {address}: {error}"))]
        })?;
        let public_url: Arc<str> = self.params.host.public_base(bound).into();
        let simulator = self.simulator(&public_url).await?;
        if let (Some(simulator), Ok(url)) = (&simulator, Url::parse(&public_url)) {
            simulator.allow_media_from(&url);
        }
        let simulator_url = simulator.as_ref().and_then(|simulator| Url::parse(&simulator.base_url()).ok());
        let mut parts = self.assemble(&data, &public_url, simulator_url.clone(), Serving::Yes).await?;
        let (pipeline, inbox) = (Arc::clone(&parts.engine.pipeline), parts.engine.inbox.clone());
        let started = tokio::task::spawn_blocking(move || pipeline.start(&inbox)).await;
        started
            .unwrap_or_else(|_| Err(StoreError::Unavailable("the pipeline did not start".into())))
            .map_err(one)?;

        let readiness = Readiness::default();
        let applications = Applications::new(self.params.applications.clone());
        let site = Site {
            applications: applications.clone(),
            inbox: parts.engine.inbox.clone(),
            clock: Arc::clone(&self.clock),
            public_url: Arc::clone(&public_url),
            public_dir: self.public.clone(),
            readiness: readiness.clone(),
        };
        let limits = ListenerLimits::default().within(open_files());
        let listener = Listener::serve(socket, site.router(), limits).map_err(|error| {
            vec![Diagnostic::error("LISTEN", format!("the host cannot listen on {address}: {error}"))]
        })?;
        let desk = Desk {
            data: data.clone(),
            clock: Arc::clone(&self.clock),
            inbox: parts.engine.inbox.clone(),
            pipeline: Arc::clone(&parts.engine.pipeline),
        };
        let control = ControlServer::serve(&data.socket(), desk).map_err(|error| {
            vec![
                Diagnostic::error("CONTROL_SOCKET", format!("the control socket cannot be made: {error}"))
                    .at(Place::file(data.socket()))
                    .help("give a data folder with a shorter path on a local disk"),
            ]
        })?;
        let (pipeline, known) = (Arc::clone(&parts.engine.pipeline), Arc::clone(&parts.engine.pipeline));
        let reconciler = Reconciler::new(
            &parts.surroundings,
            parts.engine.inbox.clone(),
            Box::new(move |app| known.parameters(app)),
            Box::new(move |app, message| pipeline.is_open(app, message)),
        );
        let reconciliation = Reconciliation::start(reconciler).map_err(|error| {
            vec![Diagnostic::error("THREAD", format!("reconciliation has no thread: {error}"))]
        })?;
        readiness.set(true);
        let retention = Retention::start(
            Arc::clone(&self.clock),
            parts.engine.inbox.clone(),
            Arc::clone(&parts.engine.pipeline),
            &self.params.host,
        );
        let scripts = parts.in_force.values().map(InForce::scripts).collect();
        let reloader = Reloader::new(Inner {
            scripts: self.scripts.clone(),
            ground: parts.ground.clone(),
            clock: Arc::clone(&self.clock),
            pipeline: Arc::clone(&parts.engine.pipeline),
            web: applications,
            simulator: simulator.as_ref().map(Simulator::registrar),
            public_url: Arc::clone(&public_url),
            in_force: std::mem::take(&mut parts.in_force),
            started: self.params,
            memory: Memory::default(),
        });
        let mut host = parts.into_host(data, lock, public_url, simulator, simulator_url);
        (host.readiness, host.listener, host.control) = (readiness, Some(listener), Some(control));
        host.retention = Some(retention);
        host.reconciliation = Some(reconciliation);
        host.watcher = self.is_watching.then(|| tokio::spawn(watch::watch(reloader.clone())));
        host.reloader = Some(reloader);
        unloadable::look_for(&self.worker, scripts);
        Ok(host)
    }

    /// Starts the host without listeners and without taking up what waits: for a run by hand while no host serves.
    ///
    /// # Errors
    /// As [`HostBuilder::serve`].
    pub async fn workbench(self) -> Result<Host, Problems> {
        let data = DataDir::create(&self.data).map_err(one)?;
        let lock = data.lock().map_err(one)?;
        let public_url: Arc<str> =
            self.params.host.public_base(self.listen.unwrap_or(self.params.host.listen)).into();
        // The simulator that is there already, or one of our own.
        let (simulator, simulator_url) = if let Some(neighbour) = self.neighbour(&public_url).await {
            (None, Url::parse(neighbour.base_url()).ok())
        } else {
            let own = HostBuilder { simulator_listen: Some(([127, 0, 0, 1], 0).into()), ..self.again() };
            let simulator = own.simulator(&public_url).await?;
            let url = simulator.as_ref().and_then(|simulator| Url::parse(&simulator.base_url()).ok());
            (simulator, url)
        };
        let parts = self.assemble(&data, &public_url, simulator_url.clone(), Serving::No).await?;
        parts.engine.pipeline.attach(&parts.engine.inbox);
        Ok(parts.into_host(data, lock, public_url, simulator, simulator_url))
    }

    /// Who finds one address taken, as by a host that is still up, is told of the simulator's at once.
    async fn cannot_listen(&self, address: Address, error: &std::io::Error) -> Problems {
        let own = Diagnostic::error("LISTEN", format!("the host cannot listen on {address}: {error}")).help(
            "stop what listens there, or choose another address: with `--listen`, or `[host] listen` in the parameter file, such \
             as `listen = \"127.0.0.1:8090\"`",
        );
        let listen = self.simulator_listen.unwrap_or(self.params.simulator.listen);
        let simulators = if self.needs_simulator() && listen != address {
            let taken = TcpListener::bind(listen).await.err();
            taken.map(|source| simulator_problem(&SimulatorError::Listen { address: listen, source }))
        } else {
            None
        };
        std::iter::once(own).chain(simulators).collect()
    }

    fn again(&self) -> Self {
        Self {
            params: self.params.clone(),
            scripts: self.scripts.clone(),
            public: self.public.clone(),
            data: self.data.clone(),
            listen: self.listen,
            simulator_listen: self.simulator_listen,
            worker: self.worker.clone(),
            clock: Arc::clone(&self.clock),
            request_timeout: self.request_timeout,
            is_watching: self.is_watching,
        }
    }

    fn needs_simulator(&self) -> bool {
        self.params.applications.values().any(|application| uses_simulator(application))
    }

    /// The simulator that is up already, once it knows the accounts: it may be that of another folder.
    async fn neighbour(&self, public_url: &str) -> Option<Neighbour> {
        if !self.needs_simulator() {
            return None;
        }
        let neighbour = Neighbour::at(self.params.simulator.listen).await?;
        let accounts = simulated_accounts(self.params.applications.values(), public_url);
        neighbour.introduce(accounts).await.ok().map(|()| neighbour)
    }

    async fn simulator(&self, public_url: &str) -> Result<Option<Simulator>, Problems> {
        if !self.needs_simulator() {
            return Ok(None);
        }
        let settings = Settings {
            listen: self.simulator_listen.unwrap_or(self.params.simulator.listen),
            rules: self.params.simulator.rules,
            accounts: simulated_accounts(self.params.applications.values(), public_url),
            media: MediaFrom::Named,
            clock: Arc::clone(&self.clock),
            ..Settings::default()
        };
        let simulator = Simulator::bind(settings).await.map_err(|error| vec![simulator_problem(&error)])?;
        if let Ok(url) = Url::parse(public_url) {
            simulator.allow_callbacks_to(&url);
        }
        // A storage on this computer, such as an emulator; for one elsewhere, nothing leaves the computer.
        let users = self.params.applications.values().filter(|application| uses_simulator(application));
        for storage in users.filter_map(|application| application.storage.as_ref()) {
            if simulator::is_loopback(&storage.endpoint) {
                simulator.allow_media_from(&storage.endpoint);
            }
        }
        Ok(Some(simulator))
    }

    /// Opens the databases, migrates, and readies the pipeline.
    async fn assemble(
        &self,
        data: &DataDir,
        public_url: &Arc<str>,
        simulator_url: Option<Url>,
        serving: Serving,
    ) -> Result<Parts, Problems> {
        let mut host_db = HostDb::open(&data.host_db()).map_err(one)?;
        if !SqlLimits::memory_is_limited() {
            tracing::warn!(
                "this process has used SQLite before it started the host: limits.sql_memory_mb is not in force \
                 (docs/limits.md)"
            );
        }
        let key = HostKey::open(&data.host_key()).map_err(one)?;
        let mut problems = Vec::new();
        let mut setups = Vec::new();
        let mut in_force = BTreeMap::new();
        let ground = Ground { data: data.clone(), host: host_db.id().clone(), worker: self.worker.clone() };
        for application in self.params.applications.values() {
            let seen = Seen::read(Arc::clone(application), &self.scripts);
            let opened = match seen.storage().await {
                Ok(storage) => ground.open(seen, storage, self.clock.now()),
                Err(problem) => Err(problem),
            };
            match opened {
                Ok((setup, application)) => {
                    // It comes to light with the first callback otherwise.
                    let app = &setup.parameters.id;
                    for (key, problem) in unknown_actions(&setup.parameters, &setup.bundle, &self.scripts) {
                        let path = ["applications", app.as_str(), "WHATSAPP", key];
                        tell::warning(Some(app), &problem.at(config::place_of(&self.params.file, &path)));
                    }
                    in_force.insert(setup.parameters.id.clone(), application);
                    setups.push(setup);
                }
                Err(problem) => problems.push(problem),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        for setup in &setups {
            skip_remembered(&mut host_db, setup).map_err(one)?;
        }
        let twilio = Twilio::with_timeouts(CONNECT_TIMEOUT, self.request_timeout).map_err(|error| {
            vec![Diagnostic::error("HTTP_CLIENT", format!("the HTTP client cannot be set up: {error}"))]
        })?;
        let anywhere = self.params.host.dangerous_local_media;
        let reach = if anywhere { Reach::DangerousAnywhere } else { Reach::Public };
        let probe =
            MediaProbe::new(public_url, reach).map_err(|why| vec![Diagnostic::error("HTTP_CLIENT", why)])?;
        let surroundings = Surroundings {
            clock: Arc::clone(&self.clock),
            workers: Arc::new(self.worker.clone()),
            network: Arc::new(Internet {
                twilio,
                transfer: Transfer::new(probe.clone()),
                probe,
                is_serving: serving == Serving::Yes,
                runtime: tokio::runtime::Handle::current(),
            }),
            public_url: Arc::clone(public_url),
            simulator_url,
            simulator_rules: self.params.simulator.rules,
            caps: CapsHold::default(),
            pacer: Arc::default(),
            ledger: data.host_db(),
            key,
            runtime: tokio::runtime::Handle::current(),
            events: Events::default(),
            waiting_bytes: WAITING_BYTES,
        };
        let engine = Engine::new(host_db, &surroundings, setups).map_err(one)?;
        Ok(Parts { engine, surroundings, ground, in_force })
    }
}

/// Skips the numbers of notifications that an application's database remembers and a `host.db` restored from an older
/// backup does not know: given out once more, new notifications would be taken for done.
fn skip_remembered(host_db: &mut HostDb, setup: &ApplicationSetup) -> Result<(), StoreError> {
    let Some(remembered) = setup.db.last_notification()? else { return Ok(()) };
    if let Some(known) = host_db.skip_numbers(remembered)? {
        tracing::warn!(
            app = %setup.parameters.id, %known, %remembered,
            "host.db is older than the application's database, as after the restore of a backup: notifications \
             received since are unknown, and their numbers are skipped (docs/operations.md)"
        );
    }
    Ok(())
}

/// Whether this host serves its public files itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serving {
    Yes,
    No,
}

struct Parts {
    engine: Engine,
    surroundings: Surroundings,
    ground: Ground,
    in_force: BTreeMap<AppId, InForce>,
}

impl Parts {
    /// A host without listeners.
    fn into_host(
        self,
        data: DataDir,
        lock: DataLock,
        public_url: Arc<str>,
        simulator: Option<Simulator>,
        simulator_url: Option<Url>,
    ) -> Host {
        Host {
            data,
            engine: self.engine,
            events: self.surroundings.events,
            public_url,
            simulator,
            simulator_url,
            readiness: Readiness::default(),
            listener: None,
            control: None,
            retention: None,
            reconciliation: None,
            reloader: None,
            watcher: None,
            lock,
        }
    }
}

#[allow(clippy::needless_pass_by_value)] // for map_err
fn one(error: StoreError) -> Problems {
    vec![error.diagnostic()]
}

/// What a simulator that does not start means for the person who started it.
#[must_use]
pub fn simulator_problem(error: &SimulatorError) -> Diagnostic {
    Diagnostic::error("LISTEN", error.to_string())
        .help(
            "stop what listens there, or choose another address: `[simulator] listen` in the parameter file, such as `listen = \
             \"127.0.0.1:8091\"`",
        )
}
