//! Taking changes over while the host runs: what is sound comes into force with the next run and the next callback, and
//! what is not is refused with the reason, while the version before stays in force.
//!
//! Each look reads everything anew and compares: so it does not matter how often it is made, nor why. Parameters and
//! scripts are judged by themselves, each application's as a whole, and then together: an action that the parameters name
//! must not vanish. Of what remains the newest that fits together is taken over; migrations are applied while no run is
//! open, and where one fails the scripts that came with it stay out too.

mod change;
mod judge;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::Mutex;

use crate::base::{AppId, Clock, Diagnostic};
use crate::config::{self, Application, Loaded, Params};
use crate::pipeline::Pipeline;
use crate::runtime::reading::{Ground, InForce, Seen};
use crate::runtime::tell;
use crate::simulator::Registrar;
use crate::web;

/// What came of a look at parameters and scripts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// What is in force now and was not before.
    pub taken: Vec<TakenOver>,
    /// Why something is not: the version before stays in force.
    pub refused: Vec<Diagnostic>,
    /// What is worth knowing: above all, what takes effect at the next start only.
    pub warnings: Vec<Diagnostic>,
}

/// A change of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenOver {
    /// Which.
    pub app: AppId,
    /// The version of its scripts before; `None`: there was no such application.
    pub from: Option<String>,
    /// The version of its scripts now; `None`: there is no such application any more.
    pub to: Option<String>,
    /// What is new: `parameters`, and the names of files below the application's folder.
    pub changed: Vec<String>,
}

/// Why somebody looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Occasion {
    /// A file has changed: what was refused before and has not changed is passed over.
    Change,
    /// It was asked for: everything is tried, and told.
    Asked,
}

/// Takes changes over. A clone is the same one.
#[derive(Clone)]
pub struct Reloader(Arc<Mutex<Option<Inner>>>);

/// What a reloader works with.
pub(super) struct Inner {
    pub scripts: PathBuf,
    pub ground: Ground,
    pub clock: Arc<dyn Clock>,
    pub pipeline: Arc<Pipeline>,
    pub web: web::Applications,
    /// The simulator that this host brought.
    pub simulator: Option<Registrar>,
    pub public_url: Arc<str>,
    /// What the host was started with: what of it is no application's stays in force to the end.
    pub started: Params,
    pub in_force: BTreeMap<AppId, InForce>,
    pub memory: Memory,
}

/// What was seen the last time, so that nothing is told twice.
#[derive(Default)]
pub(super) struct Memory {
    refused: BTreeMap<AppId, Seen>,
    params: Vec<Diagnostic>,
    /// `None` before the first look: then who started the host was told.
    warnings: Option<Vec<Diagnostic>>,
    /// Files that the parameters take secrets from.
    named: BTreeSet<PathBuf>,
    /// The applications of a sound parameter file that are not in force.
    missing: BTreeSet<AppId>,
}

/// Where what is read comes from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Sources {
    pub files: BTreeSet<PathBuf>,
    /// Folders with all that is in them.
    pub trees: BTreeSet<PathBuf>,
}

impl Reloader {
    pub(super) fn new(inner: Inner) -> Self {
        Self(Arc::new(Mutex::new(Some(inner))))
    }

    /// Looks at parameters, scripts and migrations, and takes over what is sound. It goes on to its end also when
    /// nobody waits for it any more.
    pub async fn reload(&self) -> Reloaded {
        self.look(Occasion::Asked).await
    }

    pub(super) async fn look(&self, occasion: Occasion) -> Reloaded {
        let inner = Arc::clone(&self.0);
        let look = tokio::spawn(async move {
            match inner.lock().await.as_mut() {
                Some(inner) => inner.look(occasion).await,
                None => Reloaded::default(), // the host has stopped
            }
        });
        look.await.unwrap_or_default() // a panic was told on stderr
    }

    /// Where it reads from, as far as it is known.
    pub(super) async fn sources(&self) -> Sources {
        self.0.lock().await.as_ref().map(Inner::sources).unwrap_or_default()
    }

    /// Nothing is taken over any more; returns when nothing is being.
    pub(super) async fn stop(&self) {
        self.0.lock().await.take();
    }
}

impl Inner {
    fn sources(&self) -> Sources {
        let apps = self.in_force.keys().chain(&self.memory.missing);
        let mut files = self.memory.named.clone();
        files.insert(self.started.file.clone());
        Sources { files, trees: apps.map(|app| self.scripts.join(app.as_str())).collect() }
    }

    async fn look(&mut self, occasion: Occasion) -> Reloaded {
        let mut reloaded = Reloaded::default();
        let applications = self.read_params(occasion, &mut reloaded).await;
        let gone: Vec<_> =
            self.in_force.keys().filter(|app| !applications.contains_key(*app)).cloned().collect();
        for app in &gone {
            self.remove(app, &mut reloaded).await;
        }
        let is_sound = self.memory.params.is_empty();
        self.memory.refused.retain(|app, _| {
            let is_named = applications.contains_key(app);
            if !is_named && is_sound && !gone.contains(app) {
                tell::undone(Some(app));
            }
            is_named
        });
        for (app, parameters) in &applications {
            let (parameters, scripts) = (Arc::clone(parameters), self.scripts.clone());
            let seen = blocking(move || Ok(Seen::read(parameters, &scripts))).await;
            let Ok(seen) = seen.inspect_err(|problem| reloaded.refused.push(problem.clone())) else {
                continue;
            };
            if self.in_force.get(app).is_some_and(|in_force| in_force.seen == seen) {
                if self.memory.refused.remove(app).is_some() && is_sound {
                    tell::undone(Some(app));
                }
                continue;
            }
            if occasion == Occasion::Change && self.memory.refused.get(app) == Some(&seen) {
                continue;
            }
            let problems = if self.in_force.contains_key(app) {
                self.renew(app, &seen, &mut reloaded).await
            } else {
                self.add(app, &seen, &mut reloaded).await.err().into_iter().collect()
            };
            if problems.is_empty() {
                self.memory.refused.remove(app);
            } else {
                tell::refused(Some(app), &problems);
                reloaded.refused.extend(problems);
                self.memory.refused.insert(app.clone(), seen);
            }
        }
        self.memory.missing =
            applications.keys().filter(|app| !self.in_force.contains_key(*app)).cloned().collect();
        reloaded
    }

    /// The applications of the parameter file, or those in force where it is not sound.
    async fn read_params(
        &mut self,
        occasion: Occasion,
        reloaded: &mut Reloaded,
    ) -> BTreeMap<AppId, Arc<Application>> {
        let file = self.started.file.clone();
        let reading = blocking(move || Ok(config::read(&file))).await;
        let outcome = reading.map_err(|problem| vec![problem]).and_then(|reading| {
            self.memory.named = reading.files;
            // Who writes a file in place empties it first. Nobody means that all applications are to go by then.
            match reading.blank {
                Some(blank) if !self.in_force.is_empty() => Err(vec![blank]),
                _ => reading.outcome,
            }
        });
        match outcome {
            Ok(Loaded { params, mut warnings }) => {
                let were_refused = !std::mem::take(&mut self.memory.params).is_empty();
                let known = self.memory.warnings.take().unwrap_or_else(|| warnings.clone());
                let next_start = judge::next_start(&self.started, &params);
                if were_refused && next_start.is_none() && params.applications == self.applications() {
                    tell::undone(None);
                }
                warnings.extend(next_start);
                for warning in warnings.iter().filter(|warning| !known.contains(warning)) {
                    tell::warning(None, warning);
                }
                reloaded.warnings.clone_from(&warnings);
                self.memory.warnings = Some(warnings);
                params.applications
            }
            Err(problems) => {
                if occasion == Occasion::Asked || self.memory.params != problems {
                    tell::refused(None, &problems);
                    reloaded.refused.extend(problems.clone());
                }
                self.memory.params = problems;
                self.applications()
            }
        }
    }

    /// The parameters in force.
    fn applications(&self) -> BTreeMap<AppId, Arc<Application>> {
        let in_force = self.in_force.iter();
        in_force.map(|(app, in_force)| (app.clone(), Arc::clone(&in_force.seen.parameters))).collect()
    }
}

/// Does something that blocks, where that is allowed.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Diagnostic> + Send + 'static,
) -> Result<T, Diagnostic> {
    let fault = |_| {
        Diagnostic::error("HOST_FAULT", "the host had a fault of its own: its log names the place")
            .help("report the place; `kill -HUP` has the host look again")
    };
    tokio::task::spawn_blocking(work).await.map_err(fault)?
}
