//! Changing applications while they run: another edition, one more application, one less.
//!
//! Who changes them does so one at a time. Everything here blocks the calling thread.

use std::collections::btree_map::Entry;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::base::{AppId, UnixMillis, stage};
use crate::config;
use crate::pipeline::application::Application;
use crate::pipeline::{ApplicationSetup, Pipeline, read};
use crate::script::protocol::Bundle;
use crate::store::{Ledger, Migration, SqlLimits, StoreError};
use crate::whatsapp::SignedUrls;

/// What an application goes by from now on.
pub struct Revision {
    /// Its parameters.
    pub parameters: Arc<config::Application>,
    /// Its scripts.
    pub bundle: Arc<Bundle>,
    /// What signs URLs of its objects.
    pub storage: Option<Arc<SignedUrls>>,
    /// All of its migrations, where there may be new ones: they are applied while no run is open.
    pub migrations: Option<Vec<Migration>>,
}

impl Pipeline {
    /// Has an application go by something else from the next run on; runs that are open end as they began. Says how many
    /// migrations were applied for it.
    ///
    /// # Errors
    /// When a migration fails, or the database is not to be had: then everything stays as it was.
    pub fn take_over(&self, revision: Revision, now: UnixMillis) -> Result<usize, StoreError> {
        let Revision { parameters, bundle, storage, migrations } = revision;
        let Some(application) = self.application(&parameters.id) else {
            return Err(StoreError::Unavailable(format!("there is no application `{}`", parameters.id)));
        };
        let before = application.edition();
        let limits = SqlLimits::from(&parameters.limits);
        let same_limits = limits == SqlLimits::from(&before.parameters.limits);
        let next = before.next(parameters, &bundle, storage);
        if same_limits && migrations.is_none() {
            application.change(&next);
            return Ok(0);
        }
        application.change_alone(before.parameters.limits.wall, &next, |db| {
            if !same_limits {
                db.reopen_within(limits)?;
            }
            migrations.map_or(Ok(0), |migrations| db.migrate(&migrations, now)).inspect_err(|_| {
                // Also where a COMMIT failed: what is on the disk then is what counts.
                if let Err(error) = db.reopen_within((&before.parameters.limits).into()) {
                    tracing::error!(%error, "the application's database could not be opened anew");
                }
            })
        })
    }

    /// One application more: what waits for it is taken up. It has to be known here before anything is received for it.
    ///
    /// # Errors
    /// When the databases cannot be read; [`StoreError::Unavailable`] while runs are open that it had before it was removed.
    pub fn add(&self, setup: ApplicationSetup) -> Result<(), StoreError> {
        let id = setup.parameters.id.clone();
        if read(&self.leaving).contains_key(&id) {
            return Err(StoreError::Unavailable("runs of it are still open".into()));
        }
        let application = Application::new(setup, self.surroundings.clone());
        let ledger = Ledger::open(&self.surroundings.ledger)?;
        if let Some(inbox) = self.inbox.get() {
            application.attach(inbox.clone());
        }
        let mut applications = self.applications.write().unwrap_or_else(PoisonError::into_inner);
        if self.stopping.load(Ordering::SeqCst) {
            return Err(StoreError::Unavailable("the host is stopping".into()));
        }
        match applications.entry(id) {
            Entry::Occupied(_) => return Err(StoreError::Unavailable("the application is there".into())),
            Entry::Vacant(place) => place.insert(Arc::clone(&application)),
        };
        drop(applications);
        if self.inbox.get().is_some() {
            application.start(&ledger).inspect_err(|_| self.withdraw(&application.id))?;
        }
        Ok(())
    }

    /// One application less: nothing of it is begun any more, and what waits for it goes on waiting. Its open runs have
    /// `limit` to come to their end; `false` when some have not.
    pub fn remove(&self, app: &AppId, limit: Duration) -> bool {
        let Some(application) = self.application(app) else { return true };
        let mut leaving = self.leaving.write().unwrap_or_else(PoisonError::into_inner);
        leaving.insert(app.clone(), Arc::clone(&application));
        drop(leaving);
        self.withdraw(app);
        application.stop();
        self.has_left(app, limit)
    }

    /// Whether nothing is open any more of an application that was removed; waits for it for so long. Only then may it be
    /// added again, for its database has one writer.
    pub fn has_left(&self, app: &AppId, limit: Duration) -> bool {
        let Some(application) = read(&self.leaving).get(app).cloned() else { return true };
        let idle = application.wait_until_idle(stage::now() + limit);
        if idle {
            self.leaving.write().unwrap_or_else(PoisonError::into_inner).remove(app);
        }
        idle
    }

    fn withdraw(&self, app: &AppId) {
        self.applications.write().unwrap_or_else(PoisonError::into_inner).remove(app);
    }
}
