//! The host as a whole: what an embedder starts and stops.
//!
//! ```no_run
//! # async fn embed() -> Result<(), Vec<boatswain::base::Diagnostic>> {
//! let loaded = boatswain::config::load("app-params.toml".as_ref())?;
//! // The program that the workers run in: here one whose `main` ends in `boatswain::script::worker::main`.
//! let worker = boatswain::script::WorkerCommand {
//!     program: "/usr/lib/shop/boatswain-worker".into(),
//!     arguments: vec![],
//! };
//! let host = boatswain::Host::builder(loaded.params, worker).serve().await?;
//! println!("callbacks arrive at {}", host.public_url());
//! host.stop(std::time::Duration::from_secs(25)).await;
//! # Ok(())
//! # }
//! ```
//!
//! Starting goes from the bottom up, so that nothing is accepted before it can be kept, and nothing kept is lost:
//! lock the folder, bind the sockets, open and migrate the databases, take in what waits, then serve. Stopping goes
//! the other way round.

mod descriptor;
mod engine;
mod named;
mod open_files;
mod places;
mod reading;
mod reload;
mod retention;
mod simulated;
mod start;
mod tell;
mod unloadable;
mod watch;

pub use engine::Engine;
pub use named::unknown_actions;
pub use open_files::{open_files, raise_open_files};
pub use reading::open_storage;
pub use reload::{Reloaded, Reloader, TakenOver};
pub use simulated::simulated_accounts;
pub use start::simulator_problem;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::task::JoinHandle;

use crate::base::{AppId, Clock, Diagnostic, SystemClock};
use crate::config::{Address, Params};
use crate::control::ControlServer;
use crate::pipeline::{DirectRun, Event, Events, NotRun, Pruned, Reconciliation, RunReport};
use crate::script::WorkerCommand;
use crate::simulator::Simulator;
use crate::store::{DataDir, DataLock, Swept};
use crate::web::{Listener, Readiness};
use crate::whatsapp::twilio::REQUEST_TIMEOUT;

/// How a host is to be put together.
pub struct HostBuilder {
    params: Params,
    scripts: PathBuf,
    public: PathBuf,
    data: PathBuf,
    listen: Option<Address>,
    simulator_listen: Option<Address>,
    worker: WorkerCommand,
    clock: Arc<dyn Clock>,
    request_timeout: Duration,
    is_watching: bool,
}

/// A host at work.
pub struct Host {
    data: DataDir,
    engine: Engine,
    events: Events,
    public_url: Arc<str>,
    simulator: Option<Simulator>,
    simulator_url: Option<url::Url>,
    readiness: Readiness,
    /// What only a serving host has.
    listener: Option<Listener>,
    control: Option<ControlServer>,
    retention: Option<retention::Retention>,
    reconciliation: Option<Reconciliation>,
    reloader: Option<Reloader>,
    /// What watches files.
    watcher: Option<JoinHandle<()>>,
    /// Given back last.
    lock: DataLock,
}

impl Host {
    /// A host with these parameters; `scripts` and `public` stand beside the parameter file unless said otherwise.
    ///
    /// `worker` is how a worker process is started: a program that ends in [`crate::script::worker::main`]. It is
    /// given and not guessed, because an embedder's own program started once more would be the application again.
    #[must_use]
    pub fn builder(params: Params, worker: WorkerCommand) -> HostBuilder {
        let beside = |name: &str| params.file.parent().unwrap_or_else(|| "".as_ref()).join(name);
        HostBuilder {
            scripts: beside("scripts"),
            public: beside("public"),
            data: params.host.data_dir.clone(),
            listen: None,
            simulator_listen: None,
            worker,
            clock: Arc::new(SystemClock),
            request_timeout: REQUEST_TIMEOUT,
            is_watching: false,
            params,
        }
    }

    /// This host as Twilio sees it, without a trailing slash.
    #[must_use]
    pub fn public_url(&self) -> &str {
        &self.public_url
    }

    /// Where the public listener listens, if it does.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.as_ref().map(Listener::address)
    }

    /// The simulator's URL, if an application uses one.
    #[must_use]
    pub fn simulator_url(&self) -> Option<&url::Url> {
        self.simulator_url.as_ref()
    }

    /// The embedded simulator, if this host brought one.
    #[must_use]
    pub fn simulator(&self) -> Option<&Simulator> {
        self.simulator.as_ref()
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &DataDir {
        &self.data
    }

    /// What happens from now on.
    #[must_use]
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.events.subscribe()
    }

    /// Runs an action by hand; answers when its transaction is committed.
    ///
    /// # Errors
    /// [`NotRun`] when the application is unknown or the host stops first.
    pub async fn run(&self, app: &AppId, run: DirectRun) -> Result<RunReport, NotRun> {
        self.engine.pipeline.run(app, run).await
    }

    /// Deletes now what is past its time, as `[host] retention_days` says, instead of at the next full hour of this
    /// host's life; nothing for a host that does not serve.
    ///
    /// # Errors
    /// When `host.db` cannot be written.
    pub async fn sweep(&self) -> Result<(Swept, Pruned), Diagnostic> {
        match &self.retention {
            Some(retention) => retention.sweep().await.map_err(|error| error.diagnostic()),
            None => Ok(Default::default()),
        }
    }

    /// Asks Twilio now about the messages that are due. A host does so by itself when their time comes; an embedder
    /// that sets the clock tells it so.
    pub fn reconcile(&self) {
        if let Some(reconciliation) = &self.reconciliation {
            reconciliation.look();
        }
    }

    /// Looks at parameters, scripts and migrations now, and takes over what is sound; nothing for a host that does not
    /// serve. A program that stays away from the parameters' file has nothing to gain by it.
    pub async fn reload(&self) -> Reloaded {
        match &self.reloader {
            Some(reloader) => reloader.reload().await,
            None => Reloaded::default(),
        }
    }

    /// The same for who does not hold the host, as long as it is up.
    #[must_use]
    pub fn reloader(&self) -> Option<Reloader> {
        self.reloader.clone()
    }

    /// Stops: takes no more requests, answers those that are open, lets open runs come to their end for at most
    /// `limit`, and makes everything durable. `false` when runs were left for the next start.
    pub async fn stop(self, limit: Duration) -> bool {
        self.readiness.set(false);
        // Ends while the rest stops, after the question that it is asking Twilio at the moment.
        let reconciled = self.reconciliation.map(|reconciliation| {
            reconciliation.stop();
            tokio::task::spawn_blocking(move || reconciliation.join())
        });
        if let Some(listener) = self.listener {
            listener.stop().await;
        }
        if let Some(control) = self.control {
            control.stop().await;
        }
        let Engine { pipeline, inbox, writer } = self.engine;
        let draining = Arc::clone(&pipeline);
        // Waiting for threads blocks, and the threads need this runtime for their sends.
        let drained = tokio::task::spawn_blocking(move || draining.drain(limit)).await.unwrap_or(false);
        if let Some(watcher) = self.watcher {
            watcher.abort();
        }
        let reloaded = match self.reloader {
            // What is being taken over ends with the runs that it waits for.
            Some(reloader) => tokio::time::timeout(limit, reloader.stop()).await.is_ok(),
            None => true,
        };
        if let Some(retention) = self.retention {
            retention.stop().await;
        }
        if let Some(simulator) = self.simulator {
            simulator.shutdown().await;
        }
        let reconciled = match reconciled {
            Some(joined) => tokio::time::timeout(limit, joined).await.is_ok(),
            None => true,
        };
        let flushed = tokio::task::spawn_blocking(move || inbox.flush()).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!("the last marks were not written: they are found again at the next start");
        }
        drop(pipeline);
        if drained && reconciled && reloaded {
            // Nobody holds the inbox any more, so its thread ends.
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
        drop(self.lock);
        drained
    }
}

impl HostBuilder {
    /// Where the actions are.
    #[must_use]
    pub fn scripts(mut self, folder: impl Into<PathBuf>) -> Self {
        self.scripts = folder.into();
        self
    }

    /// Where the public files are.
    #[must_use]
    pub fn public(mut self, folder: impl Into<PathBuf>) -> Self {
        self.public = folder.into();
        self
    }

    /// Where everything is kept.
    #[must_use]
    pub fn data(mut self, folder: impl Into<PathBuf>) -> Self {
        self.data = folder.into();
        self
    }

    /// Where the public listener binds, instead of `[host] listen`.
    #[must_use]
    pub fn listen(mut self, address: Address) -> Self {
        self.listen = Some(address);
        self
    }

    /// Where the simulator binds, instead of `[simulator] listen`.
    #[must_use]
    pub fn simulator_listen(mut self, address: Address) -> Self {
        self.simulator_listen = Some(address);
        self
    }

    /// Where the time comes from.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// A host that serves watches the parameter file, the files that it names and the scripts, and takes changes over as
    /// [`Host::reload`] does. For a program whose parameters are a file.
    #[must_use]
    pub fn watch(mut self) -> Self {
        self.is_watching = true;
        self
    }

    /// How long a request to Twilio may take, its answer included, instead of [`REQUEST_TIMEOUT`]. A send that takes
    /// longer is in doubt.
    #[must_use]
    pub fn request_timeout(mut self, limit: Duration) -> Self {
        self.request_timeout = limit;
        self
    }
}
