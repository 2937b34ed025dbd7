//! The host that is simulated: started over its files as `runtime/start.rs` starts a real one, and stopped as one.

use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use boatswain::base::{Clock, stage};
use boatswain::config::Application;
use boatswain::pipeline::{ApplicationSetup, Events, Pipeline, Reconciler, Reconciliation, Surroundings};
use boatswain::runtime::Engine;
use boatswain::script::protocol::Bundle;
use boatswain::store::{AppDb, DataDir, HostDb, Inbox, Migration};

use crate::twilio::SimulatedTwilio;
use crate::worker::SimulatedWorkers;
use crate::world::World;

/// The application's own tables. Nothing in them keeps a row from being written twice: that is the host's affair.
const TABLES: &str = "
CREATE TABLE effects (name TEXT NOT NULL, step INTEGER NOT NULL, generation INTEGER NOT NULL);
CREATE TABLE separated (name TEXT NOT NULL, step INTEGER NOT NULL, generation INTEGER NOT NULL);
CREATE TABLE once (x TEXT UNIQUE);
INSERT INTO once VALUES ('taken');
CREATE TABLE parent (id INTEGER PRIMARY KEY);
CREATE TABLE child (parent INTEGER REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
";

pub const PARAMETERS: &str = r#"
[applications.app.WHATSAPP]
environment = "simulator"
api_base_url = "http://127.0.0.1:9"
account_id = "AC00000000000000000000000000000001"
auth_key = "simulated"
from_phone_number = "+14155238886"
whatsapp_callback = "onWhatsappStatus"
incoming_message = "onWhatsappMessage"
"#;

/// The application's parameters with these limits.
pub fn parameters(text: &str, workers: u32, cpu_percent: u32) -> Arc<Application> {
    let text =
        format!("{text}\n[applications.app.limits]\nworkers = {workers}\ncpu_percent = {cpu_percent}\n");
    let loaded = boatswain::config::parse(Path::new("app-params.toml"), &text, &|_| None).unwrap();
    loaded.params.applications.into_values().next().unwrap()
}

/// What outlives a host: everything outside it.
pub struct Outside {
    pub world: Arc<World>,
    pub application: Arc<Application>,
    pub workers: Arc<SimulatedWorkers>,
    pub twilio: Arc<SimulatedTwilio>,
    pub runtime: tokio::runtime::Handle,
    /// The host that is up.
    pub host: Mutex<Option<Host>>,
}

/// A host that is up: what `runtime::Host` has, as far as it is simulated.
pub struct Host {
    engine: Engine,
    reconciliation: Reconciliation,
}

impl Outside {
    pub fn new(world: &Arc<World>, workers: u32, runtime: tokio::runtime::Handle) -> Arc<Self> {
        let application = parameters(PARAMETERS, workers, world.settings.cpu_percent);
        Arc::new(Self {
            world: Arc::clone(world),
            application,
            workers: Arc::new(SimulatedWorkers { world: Arc::clone(world), started: AtomicU64::new(0) }),
            twilio: SimulatedTwilio::new(world),
            runtime,
            host: Mutex::new(None),
        })
    }

    /// Starts a host over the files, in a thread of its own: it may die while it starts.
    pub fn start(self: &Arc<Self>) {
        let outside = Arc::clone(self);
        self.world.director.start("main", move || outside.main());
    }

    fn main(&self) {
        stage::reach("host-starts");
        let data = DataDir::create(&self.world.folder).unwrap();
        let host_db = HostDb::open(&data.host_db()).unwrap();
        stage::reach("host-db-opened");
        let db =
            AppDb::open(&data.app_db(&self.application.id), host_db.id(), (&self.application.limits).into())
                .unwrap();
        stage::reach("app-db-opened");
        let migration = Migration { name: "1.sql".into(), file: "1.sql".into(), sql: TABLES.into() };
        db.migrate(&[migration], self.world.now()).unwrap();
        let setup = ApplicationSetup {
            parameters: Arc::clone(&self.application),
            bundle: Arc::new(Bundle::default()),
            db,
            storage: None,
        };
        let events = Events::default();
        let surroundings = Surroundings {
            clock: Arc::clone(&self.world) as _,
            workers: Arc::clone(&self.workers) as _,
            network: Arc::clone(&self.twilio) as _,
            public_url: "http://host".into(),
            simulator_url: None,
            // Senders are paced, so that runs wait in line.
            simulator_rules: boatswain::config::Rules::Production,
            caps: boatswain::pipeline::CapsHold::default(),
            pacer: Arc::default(),
            ledger: data.host_db(),
            key: boatswain::store::HostKey::open(&data.host_key()).unwrap(),
            runtime: self.runtime.clone(),
            events: events.clone(),
            waiting_bytes: self.world.settings.waiting_bytes,
        };
        let engine = Engine::new(host_db, &surroundings, vec![setup]).unwrap();
        self.world.oracle().listen(events.subscribe());
        stage::reach("host-ready");
        engine.pipeline.start(&engine.inbox).unwrap();
        // What is learnt while an action is taken away would be over at once, as what Twilio tells then: the plan says that
        // it runs.
        let (pipeline, application) = (Arc::clone(&engine.pipeline), Arc::clone(&self.application));
        let reconciler = Reconciler::new(
            &surroundings,
            engine.inbox.clone(),
            Box::new(move |_| Some(Arc::clone(&application))),
            Box::new(move |app, message| pipeline.is_open(app, message)),
        );
        let reconciliation = Reconciliation::start(reconciler).unwrap();
        stage::reach("host-up");
        *self.host.lock().unwrap() = Some(Host { engine, reconciliation });
    }

    /// The way into the host, while it is up.
    pub fn inbox(&self) -> Option<Inbox> {
        self.host.lock().unwrap().as_ref().map(|host| host.engine.inbox.clone())
    }

    /// What changes applications, while the host is up.
    pub fn pipeline(&self) -> Option<Arc<Pipeline>> {
        self.host.lock().unwrap().as_ref().map(|host| Arc::clone(&host.engine.pipeline))
    }

    /// Stops the host in order, in a thread of its own: it may die while it stops.
    pub fn stop(self: &Arc<Self>) {
        let Some(Host { engine, reconciliation }) = self.host.lock().unwrap().take() else { return };
        let world = Arc::clone(&self.world);
        self.world.director.start("stop", move || {
            reconciliation.stop();
            let Engine { pipeline, inbox, writer } = engine;
            // Whatever the time: every run comes to its end.
            if !pipeline.drain(Duration::from_hours(100_000)) {
                world.director.fail("7: the host does not stop");
            }
            reconciliation.join();
            let _ = inbox.flush();
            drop((pipeline, inbox));
            writer.join();
        });
    }
}
