//! What is read of an application, from its section of the parameters and its folder of scripts, and opening it.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::base::{Diagnostic, Place, Secret, UnixMillis};
use crate::config::{Application, GoogleCloudStorage};
use crate::pipeline::{ApplicationSetup, sandbox_limits};
use crate::runtime::tell;
use crate::script::protocol::Bundle;
use crate::script::{WorkerCommand, catalogue, judge};
use crate::store::{AppDb, DataDir, HostId, Migration, SqlLimits, read_migrations};
use crate::whatsapp::SignedUrls;

/// An application as it was read, sound or not. Two of them that are equal say the same.
#[derive(Clone, PartialEq)]
pub(super) struct Seen {
    pub parameters: Arc<Application>,
    /// The service account's key, where there is a storage.
    pub credentials: Option<Result<Secret, Diagnostic>>,
    pub bundle: Result<Arc<Bundle>, Diagnostic>,
    pub migrations: Result<Vec<Migration>, Diagnostic>,
}

/// An application in force.
pub(super) struct InForce {
    /// What of it is in force, as it was read.
    pub seen: Seen,
    /// Its scripts as they run: without the texts that kill workers.
    pub bundle: Arc<Bundle>,
    pub storage: Option<Arc<SignedUrls>>,
}

impl InForce {
    /// Its scripts, and the parameters that they run with.
    pub fn scripts(&self) -> (Arc<Application>, Arc<Bundle>) {
        (Arc::clone(&self.seen.parameters), Arc::clone(&self.bundle))
    }
}

impl Seen {
    /// Reads it.
    pub fn read(parameters: Arc<Application>, scripts: &Path) -> Self {
        let credentials = parameters.storage.as_ref().map(credentials);
        let folder = scripts.join(parameters.id.as_str());
        let bundle = catalogue::read_bundle(scripts, &parameters.id).map_err(|error| {
            Diagnostic::error("SCRIPTS_UNREADABLE", error.to_string())
                .at(Place::file(&folder))
                .help("make the folder and put the application's actions into it")
        });
        let migrations = read_migrations(&folder.join("migrations")).map_err(|error| error.diagnostic());
        Self { parameters, credentials, bundle: bundle.map(Arc::new), migrations }
    }

    /// Whether parameters, credentials included, say the same.
    pub fn has_parameters_of(&self, other: &Self) -> bool {
        self.parameters == other.parameters && self.credentials == other.credentials
    }

    /// Whether scripts and migrations are the same.
    pub fn has_scripts_of(&self, other: &Self) -> bool {
        self.bundle == other.bundle && self.migrations == other.migrations
    }

    /// What signs URLs, where there is a storage.
    ///
    /// # Errors
    /// When the credentials are none.
    pub async fn storage(&self) -> Result<Option<Arc<SignedUrls>>, Diagnostic> {
        let Some((storage, credentials)) = self.parameters.storage.as_ref().zip(self.credentials.as_ref())
        else {
            return Ok(None);
        };
        let json = credentials.as_ref().map_err(Clone::clone)?;
        signer(storage, json).await.map(|signer| Some(Arc::new(signer)))
    }

    /// The files of the scripts that `before` had not, or had with another text.
    pub fn new_files(&self, before: &Self) -> Bundle {
        match (&self.bundle, &before.bundle) {
            (Ok(bundle), Ok(known)) => bundle.without(known),
            (Ok(bundle), Err(_)) => Bundle::clone(bundle),
            (Err(_), _) => Bundle::default(),
        }
    }

    /// The names of the files that differ: of scripts, and of migrations.
    pub fn changed_files(&self, before: &Self) -> Vec<String> {
        let texts = |seen: &Self| -> BTreeMap<String, Result<String, String>> {
            let files = seen.bundle.iter().flat_map(|bundle| &bundle.files);
            let files = files.map(|file| (file.path.clone(), file.text.clone()));
            let migrations = seen.migrations.iter().flatten();
            let migrations = migrations.map(|one| (format!("migrations/{}", one.name), Ok(one.sql.clone())));
            files.chain(migrations).collect()
        };
        let (now, then) = (texts(self), texts(before));
        let mut names: Vec<_> =
            now.keys().chain(then.keys()).filter(|name| now.get(*name) != then.get(*name)).collect();
        names.sort_unstable();
        names.dedup();
        names.into_iter().cloned().collect()
    }
}

/// Takes the key of an application's Google Cloud Storage, and signs with it once; asks nobody.
///
/// # Errors
/// What is wrong with the key.
pub async fn open_storage(storage: &GoogleCloudStorage) -> Result<SignedUrls, Diagnostic> {
    signer(storage, &credentials(storage)?).await
}

fn credentials(storage: &GoogleCloudStorage) -> Result<Secret, Diagnostic> {
    let file = &storage.credentials_file;
    std::fs::read_to_string(file)
        .map(Secret::new)
        .map_err(|error| bad_credentials(file, format!("the service-account key cannot be read: {error}")))
}

async fn signer(storage: &GoogleCloudStorage, json: &Secret) -> Result<SignedUrls, Diagnostic> {
    let GoogleCloudStorage { credentials_file, signed_url_lifetime, endpoint } = storage;
    SignedUrls::new(json, *signed_url_lifetime, endpoint)
        .await
        .map_err(|error| bad_credentials(credentials_file, error.to_string()))
}

/// Where and with what applications are opened.
#[derive(Clone)]
pub(super) struct Ground {
    pub data: DataDir,
    pub host: HostId,
    pub worker: WorkerCommand,
}

impl Ground {
    /// Opens an application: its database, migrated, and its scripts. Scripts that cannot be read fail their own runs.
    /// Blocks.
    ///
    /// # Errors
    /// When the database cannot be opened, or a migration is unsound.
    pub fn open(
        &self,
        seen: Seen,
        storage: Option<Arc<SignedUrls>>,
        now: UnixMillis,
    ) -> Result<(ApplicationSetup, InForce), Diagnostic> {
        let parameters = Arc::clone(&seen.parameters);
        let limits = SqlLimits::from(&parameters.limits);
        let file = self.data.app_db(&parameters.id);
        if let Some(warning) = limits.warning(&parameters.id, &file) {
            tracing::warn!(app = %parameters.id, "{}", warning.message);
        }
        let db = AppDb::open(&file, &self.host, limits).map_err(|error| error.diagnostic())?;
        let migrations = seen.migrations.as_ref().map_err(Clone::clone)?;
        let applied = db.migrate(migrations, now).map_err(|error| error.diagnostic())?;
        if applied > 0 {
            tracing::info!(app = %parameters.id, applied, "migrations were applied");
        }
        let bundle = seen.bundle.clone().unwrap_or_else(|problem| {
            tell::no_scripts(&parameters.id, &problem);
            Arc::default()
        });
        let bundle = self.sifted(&bundle, &parameters);
        let setup =
            ApplicationSetup { parameters, bundle: Arc::clone(&bundle), db, storage: storage.clone() };
        Ok((setup, InForce { seen, bundle, storage }))
    }

    /// Scripts without the texts that would end the process that compiles them. Blocks.
    pub fn sifted(&self, bundle: &Arc<Bundle>, parameters: &Application) -> Arc<Bundle> {
        let mut sifted = Bundle::clone(bundle);
        judge::sift(&self.worker, &sandbox_limits(&parameters.limits), &mut sifted);
        if sifted == **bundle { Arc::clone(bundle) } else { Arc::new(sifted) }
    }
}

fn bad_credentials(file: &Path, message: String) -> Diagnostic {
    Diagnostic::error("STORAGE_CREDENTIALS", message)
        .at(Place::file(file))
        .help("give the JSON key of a service account, as the Google Cloud console makes it")
}
