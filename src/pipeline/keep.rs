//! Keeping the applications' databases small: what is past its time leaves them between two batches.

use std::sync::Arc;

use crate::base::{AppId, NotificationId};
use crate::pipeline::Pipeline;
use crate::pipeline::application::Application;
use crate::store::{CutOffs, PruneWalk, Pruner, StoreError};

/// What became of a pruning.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Marks of notifications that are done, and journals, of all applications.
    pub rows: u64,
    /// Whether every database was gone through to its end.
    pub complete: bool,
}

impl Pipeline {
    /// Deletes marks and journals that are past their time, in small steps, so that no run waits for long. Ends early
    /// when the host stops. Blocks the calling thread.
    #[must_use]
    pub fn prune(&self, cut: CutOffs) -> Pruned {
        let mut pruned = Pruned { rows: 0, complete: true };
        for application in self.all() {
            let app = &application.id;
            match prune(&application, cut) {
                Ok(Some(rows)) => pruned.rows += rows,
                Ok(None) => return Pruned { complete: false, ..pruned },
                Err(error) => {
                    tracing::error!(%app, %error, "what is past its time could not be deleted from the application's database");
                    pruned.complete = false;
                }
            }
        }
        pruned
    }
}

impl Pipeline {
    /// Erases the journals of notifications that are done, between two batches of their application; `false`: there is
    /// no such application here. Blocks the calling thread.
    ///
    /// # Errors
    /// When the application's database fails, or the host is stopping.
    pub fn erase_journals(&self, app: &str, notifications: &[NotificationId]) -> Result<bool, StoreError> {
        let known = AppId::parse(app).ok().and_then(|app| self.application(&app));
        let Some(application) = known else { return Ok(false) };
        let erased = application.between_batches(|db| {
            db.erase_journals(notifications).inspect_err(|_| {
                if let Err(error) = db.reopen() {
                    tracing::error!(%error, "the application's database could not be opened anew");
                }
            })
        });
        erased.unwrap_or_else(|| Err(StoreError::Unavailable("the host is stopping".into())))?;
        Ok(true)
    }
}

/// How many rows have left; `None` when the host is stopping.
fn prune(application: &Arc<Application>, cut: CutOffs) -> Result<Option<u64>, StoreError> {
    let pruner = Pruner::open(application.ledger(), cut)?;
    let mut walk = PruneWalk::default();
    while !walk.is_finished() {
        let step = application.between_batches(|db| {
            pruner.step(db, &mut walk).inspect_err(|_| {
                // After a COMMIT that failed, only a new connection knows what is on the disk.
                if let Err(error) = db.reopen() {
                    tracing::error!(%error, "the application's database could not be opened anew");
                }
            })
        });
        match step {
            Some(step) => step?,
            None => return Ok(None),
        }
    }
    Ok(Some(walk.removed()))
}
