//! One application is changed, added or removed: for runs first, then for the listener and the simulator; where nothing
//! is to come any more, the other way round.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{AppId, Diagnostic, Place};
use crate::config::Application;
use crate::pipeline::{Revision, sandbox_limits};
use crate::runtime::reading::{InForce, Seen};
use crate::runtime::reload::judge::Choice;
use crate::runtime::reload::{Inner, Reloaded, TakenOver, blocking};
use crate::runtime::simulated::{simulated_accounts, uses_simulator};
use crate::runtime::{tell, unloadable};
use crate::script::judge;
use crate::simulator;
use crate::store::{Ledger, StoreError};
use crate::whatsapp::SignedUrls;

impl Inner {
    /// Takes over what of an application is new and sound; says why the rest is not.
    pub(super) async fn renew(
        &mut self,
        app: &AppId,
        seen: &Seen,
        reloaded: &mut Reloaded,
    ) -> Vec<Diagnostic> {
        let Some(before) = self.in_force.get(app) else { return Vec::new() };
        let mut problems = Vec::new();
        let mut storage = before.storage.clone();
        let mut choice = Choice {
            parameters: !seen.has_parameters_of(&before.seen),
            scripts: !seen.has_scripts_of(&before.seen),
        };
        if choice.parameters {
            match self.judge_parameters(seen).await {
                Ok(new) => storage = new,
                Err(problem) => {
                    problems.push(problem);
                    choice.parameters = false;
                }
            }
        }
        if choice.scripts {
            let found = self.judge_scripts(seen, &before.seen).await;
            choice.scripts = found.is_empty();
            problems.extend(found);
        }
        let (mut choice, vanished) = choice.fitting(|choice| self.vanished(choice, seen, &before.seen));
        problems.extend(vanished);
        while choice != Choice::NOTHING {
            match self.take(app, choice, seen, storage.as_ref()).await {
                Ok(next) => {
                    let public = self.applications();
                    let before = self.in_force.insert(app.clone(), next);
                    self.publish(&public);
                    let taken = self.taken_over(app, choice, before.as_ref());
                    tell::taken_over(&taken);
                    reloaded.taken.push(taken);
                    return problems;
                }
                Err(problem) => problems.push(problem),
            }
            let Some(before) = self.in_force.get(app) else { return problems };
            // Without the scripts whose migrations failed; or nothing.
            let rest = Choice { scripts: false, parameters: choice.scripts && choice.parameters };
            choice = rest.fitting(|choice| self.vanished(choice, seen, &before.seen)).0;
        }
        problems
    }

    /// Puts what was chosen into force for runs, and says what is in force then.
    async fn take(
        &self,
        app: &AppId,
        choice: Choice,
        seen: &Seen,
        storage: Option<&Arc<SignedUrls>>,
    ) -> Result<InForce, Diagnostic> {
        let Some(before) = self.in_force.get(app) else { return Err(missing(app)) };
        let mut now = before.seen.clone();
        let mut next = InForce {
            storage: before.storage.clone(),
            bundle: Arc::clone(&before.bundle),
            seen: now.clone(),
        };
        if choice.parameters {
            now.parameters = Arc::clone(&seen.parameters);
            now.credentials.clone_from(&seen.credentials);
            next.storage = storage.cloned();
        }
        let mut migrations = None;
        if choice.scripts {
            now.bundle.clone_from(&seen.bundle);
            now.migrations.clone_from(&seen.migrations);
            if now.migrations != before.seen.migrations {
                migrations = now.migrations.clone().ok();
            }
        }
        // What kills the process that compiles it depends on limits, too.
        let limits = |seen: &Seen| sandbox_limits(&seen.parameters.limits);
        let raw = now.bundle.clone().unwrap_or_default();
        let sift = choice.scripts || limits(&now) != limits(&before.seen);
        // The next run may send with another key: the simulator knows it before.
        if let (true, Some(simulator)) = (choice.parameters, &self.simulator) {
            simulator.replace(&[], simulated_accounts([&now.parameters].into_iter(), &self.public_url));
        }
        let (ground, pipeline, at) = (self.ground.clone(), Arc::clone(&self.pipeline), self.clock.now());
        next.seen = now;
        blocking(move || {
            let before = Arc::clone(&next.bundle);
            if sift {
                next.bundle = ground.sifted(&raw, &next.seen.parameters);
            }
            let revision = Revision {
                parameters: Arc::clone(&next.seen.parameters),
                bundle: Arc::clone(&next.bundle),
                storage: next.storage.clone(),
                migrations,
            };
            pipeline.take_over(revision, at).map_err(|error| error.diagnostic())?;
            // New files were judged; here are those that lower limits keep from being loaded.
            let found = judge::unreadable(&next.bundle.without(&before));
            tell::unloadable(&next.seen.parameters.id, &found);
            Ok(next)
        })
        .await
    }

    fn taken_over(&self, app: &AppId, choice: Choice, before: Option<&InForce>) -> TakenOver {
        let version = |in_force: &InForce| in_force.bundle.version.clone();
        let now = self.in_force.get(app);
        let mut changed = Vec::new();
        if choice.parameters {
            changed.push("parameters".to_owned());
        }
        if let (true, Some(before), Some(now)) = (choice.scripts, before, now) {
            changed.extend(now.seen.changed_files(&before.seen));
        }
        TakenOver { app: app.clone(), from: before.map(version), to: now.map(version), changed }
    }

    /// One application more.
    pub(super) async fn add(
        &mut self,
        app: &AppId,
        seen: &Seen,
        reloaded: &mut Reloaded,
    ) -> Result<(), Diagnostic> {
        let storage = self.judge_parameters(seen).await?;
        let (pipeline, ground, at) = (Arc::clone(&self.pipeline), self.ground.clone(), self.clock.now());
        let seen = seen.clone();
        let added = blocking(move || {
            let app = seen.parameters.id.clone();
            if !pipeline.has_left(&app, Duration::ZERO) {
                return Err(Diagnostic::error(
                    "APPLICATION_ENDING",
                    format!("runs of `{app}` from before it was removed are open"),
                )
                .help("wait until they have ended, and tell the host to look again: kill -HUP"));
            }
            let (setup, in_force) = ground.open(seen, storage, at)?;
            let ledger = Ledger::open(&ground.data.host_db());
            let known = ledger.and_then(|ledger| ledger.last_number());
            let remembered = setup.db.last_notification();
            let (known, remembered) = known
                .and_then(|known| Ok((known, remembered?)))
                .map_err(|error: StoreError| error.diagnostic())?;
            if remembered.is_some_and(|remembered| remembered > known) {
                return Err(Diagnostic::error(
                    "NEXT_START",
                    format!(
                        "the database of `{app}` is newer than host.db, as after the restore of a backup"
                    ),
                )
                .at(Place::file(ground.data.app_db(&app)))
                .help("restart the host, and it skips the numbers that this database remembers"));
            }
            pipeline.add(setup).map_err(|error| error.diagnostic())?;
            Ok(in_force)
        });
        let (in_force, public) = (added.await?, self.applications());
        let scripts = in_force.scripts();
        self.in_force.insert(app.clone(), in_force);
        self.publish(&public);
        let taken = self.taken_over(app, Choice { parameters: true, scripts: true }, None);
        tell::taken_over(&taken);
        unloadable::look_for(&self.ground.worker, vec![scripts]);
        reloaded.taken.push(taken);
        Ok(())
    }

    /// One application less.
    pub(super) async fn remove(&mut self, app: &AppId, reloaded: &mut Reloaded) {
        let public = self.applications();
        let Some(before) = self.in_force.remove(app) else { return };
        // First nothing is received for it any more.
        self.publish(&public);
        let (pipeline, limit) = (Arc::clone(&self.pipeline), before.seen.parameters.limits.wall);
        let leaving = app.clone();
        let left = blocking(move || Ok(pipeline.remove(&leaving, limit))).await;
        if left != Ok(true) {
            tracing::warn!(%app, "the application was removed, and runs of it are still open");
        }
        let taken = TakenOver {
            app: app.clone(),
            from: Some(before.bundle.version.clone()),
            to: None,
            changed: vec!["parameters".into()],
        };
        tell::taken_over(&taken);
        reloaded.taken.push(taken);
    }

    /// Tells the listener and the simulator what is in force now; `before` is what was.
    fn publish(&self, before: &BTreeMap<AppId, Arc<Application>>) {
        let now = self.applications();
        self.web.replace(now.clone());
        let Some(simulator) = &self.simulator else { return };
        let accounts = |all: &BTreeMap<_, _>| simulated_accounts(all.values(), &self.public_url);
        let (then, accounts) = (accounts(before), accounts(&now));
        if then != accounts {
            simulator.replace(&then, accounts);
        }
        let known = |endpoint| {
            before.values().any(|one| one.storage.as_ref().map(|one| &one.endpoint) == Some(endpoint))
        };
        let storages = now.values().filter(|one| uses_simulator(one)).filter_map(|one| one.storage.as_ref());
        for endpoint in storages.map(|storage| &storage.endpoint).filter(|endpoint| !known(endpoint)) {
            if simulator::is_loopback(endpoint) {
                simulator.allow_media_from(endpoint);
            }
        }
    }
}

fn missing(app: &AppId) -> Diagnostic {
    Diagnostic::error("UNKNOWN_APPLICATION", format!("there is no application `{app}`"))
        .help("it was removed meanwhile: `kill -HUP` has the host look again")
}
