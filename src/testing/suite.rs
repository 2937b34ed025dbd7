//! What there is to test: an application's files, its tests included, and its parameters made harmless.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::base::{AppId, Diagnostic, Place, Secret, UnixMillis};
use crate::config::{Application, Environment, Whatsapp};
use crate::pipeline::sandbox_limits;
use crate::script::protocol::{Bundle, SourceFile};
use crate::script::{WorkerCommand, catalogue, judge};
use crate::store::{AppDb, HostId, Migration, SqlLimits, read_migrations};

use super::folder::Folder;
use super::limits;
use super::workers::PassedOn;
use super::world::Ground;

/// What a key of the application's is in a test: none that is any good.
const STAND_IN: &str = "00000000000000000000000000000000";

/// Why the tests of an application cannot be run.
pub type SuiteError = Vec<Diagnostic>;

/// An application with its tests.
pub struct Suite {
    /// Its parameters, in which the simulator stands for Twilio and no key is a real one.
    pub(super) application: Arc<Application>,
    /// Its actions and modules.
    pub(super) bundle: Arc<Bundle>,
    /// The same with the tests.
    pub(super) with_tests: Bundle,
    /// The files with tests, in order of their paths.
    pub(super) tests: Vec<SourceFile>,
    pub(super) migrations: Vec<Migration>,
    /// The folder with a folder of public files for each application.
    pub(super) public: PathBuf,
    /// The processes in which the actions of all its worlds run.
    pub(super) workers: Arc<PassedOn>,
    /// What its worlds share.
    pub(super) ground: Ground,
    /// How the processes are started in which the tests themselves run.
    pub(super) command: WorkerCommand,
}

impl Suite {
    /// The tests of an application, in files `*.test.js` below its folder in `scripts`.
    ///
    /// # Errors
    /// When its scripts or migrations cannot be read, or its worlds not be readied, which run on the caller's runtime.
    pub fn read(
        application: &Application,
        scripts: &Path,
        public: &Path,
        command: WorkerCommand,
    ) -> Result<Self, SuiteError> {
        let id = &application.id;
        let unreadable = |error: catalogue::CatalogueError| {
            vec![
                Diagnostic::error("SCRIPTS_UNREADABLE", error.to_string())
                    .at(Place::file(scripts.join(id.as_str())))
                    .help("make the folder and put the application's actions into it"),
            ]
        };
        let mut with_tests = catalogue::read_with_tests(scripts, id).map_err(unreadable)?;
        judge::sift(&command, &sandbox_limits(&application.limits), &mut with_tests);
        let tests = with_tests.files.iter().filter(|file| catalogue::is_test(&file.path)).cloned().collect();
        let migrations = read_migrations(&scripts.join(id.as_str()).join("migrations"))
            .map_err(|error| vec![error.of_trial()])?;
        Ok(Self {
            application: Arc::new(harmless(application)),
            bundle: Arc::new(catalogue::without_tests(&with_tests)),
            with_tests,
            tests,
            migrations,
            public: public.to_owned(),
            workers: Arc::new(PassedOn::new(command.clone())),
            ground: Ground::new().map_err(|problem| vec![problem])?,
            command,
        })
    }

    /// Why no world can have its tables, if a migration fails: then no test can run. Blocks.
    #[must_use]
    pub fn migration_problem(&self) -> Option<Diagnostic> {
        let folder = Folder::new().ok()?; // a world says so
        let file = folder.path().join("app.db");
        let db = AppDb::open(&file, &HostId("test".into()), SqlLimits::from(&self.application.limits));
        let migrated = db.and_then(|db| db.migrate(&self.migrations, UnixMillis(0)));
        migrated.err().map(|error| error.of_trial())
    }

    /// The application's name.
    #[must_use]
    pub fn app(&self) -> &AppId {
        &self.application.id
    }
}

/// The same application with the simulator as its Twilio, with keys that are none, and free to send.
fn harmless(application: &Application) -> Application {
    let mut application = application.clone();
    stand_in(&mut application.whatsapp);
    application.companies.values_mut().for_each(|company| stand_in(&mut company.whatsapp));
    limits::lift(&mut application);
    application
}

fn stand_in(whatsapp: &mut Whatsapp) {
    whatsapp.environment = Environment::Simulator;
    whatsapp.api_base_url = None;
    whatsapp.api_key = None;
    if !whatsapp.auth_keys.is_empty() {
        whatsapp.auth_keys = vec![Secret::new(STAND_IN)];
    }
}
