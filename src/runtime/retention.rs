//! Who asks for the deletion of what is past its time, and when: `host.db` every hour, the applications' databases
//! once a day. The time is the host's clock's; only how often it is looked at is the computer's.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, oneshot};
use tokio::task::JoinHandle;

use crate::base::{Clock, UnixMillis};
use crate::config::HostParams;
use crate::pipeline::{Pipeline, Pruned};
use crate::store::{CutOffs, Inbox, StoreError, Swept};

/// How often `host.db` is swept.
const EVERY: Duration = Duration::from_hours(1);
/// How often the applications' databases are pruned.
const PRUNE_EVERY: Duration = Duration::from_hours(24);

/// The retention at work.
pub(super) struct Retention {
    keeper: Arc<Keeper>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

struct Keeper {
    clock: Arc<dyn Clock>,
    inbox: Inbox,
    pipeline: Arc<Pipeline>,
    retention: Duration,
    dead_retention: Duration,
    /// When the applications' databases were last pruned to their end.
    pruned: Mutex<Option<UnixMillis>>,
}

impl Retention {
    /// Begins now, and goes on every hour.
    pub(super) fn start(
        clock: Arc<dyn Clock>,
        inbox: Inbox,
        pipeline: Arc<Pipeline>,
        host: &HostParams,
    ) -> Self {
        let keeper = Arc::new(Keeper {
            clock,
            inbox,
            pipeline,
            retention: host.retention,
            dead_retention: host.dead_retention,
            pruned: Mutex::new(None),
        });
        let (stop, mut stopped) = oneshot::channel::<()>();
        let at_work = Arc::clone(&keeper);
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(EVERY);
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = &mut stopped => return,
                    _ = ticks.tick() => {}
                }
                let swept = tokio::select! {
                    _ = &mut stopped => return,
                    swept = at_work.sweep() => swept,
                };
                if let Err(error) = swept {
                    tracing::warn!(%error, "what is past its time stays until the next hour");
                }
            }
        });
        Self { keeper, stop, task }
    }

    /// Deletes what is past its time now.
    ///
    /// # Errors
    /// When `host.db` fails.
    pub(super) async fn sweep(&self) -> Result<(Swept, Pruned), StoreError> {
        self.keeper.sweep().await
    }

    /// Stops, when the pipeline has been told to: returns once nothing of it holds the inbox any more.
    pub(super) async fn stop(self) {
        drop(self.stop);
        let _ = self.task.await;
    }
}

impl Keeper {
    async fn sweep(&self) -> Result<(Swept, Pruned), StoreError> {
        let now = self.clock.now();
        let cut = CutOffs::at(now, self.retention, self.dead_retention);
        let swept = self.inbox.sweep(cut).await?;
        let mut last = self.pruned.lock().await;
        // A clock that was set back must not put it off for ever.
        let due = last.is_none_or(|last| now.since(last) >= PRUNE_EVERY || last > now);
        let mut pruned = Pruned::default();
        if due {
            let pipeline = Arc::clone(&self.pipeline);
            let work = tokio::task::spawn_blocking(move || pipeline.prune(cut));
            pruned = work.await.unwrap_or_default();
            if pruned.complete {
                *last = Some(now);
            }
        }
        if swept != Swept::default() || pruned.rows > 0 {
            let Swept { notifications, runs, messages, windows } = swept;
            tracing::info!(
                notifications,
                runs,
                messages,
                windows,
                marks = pruned.rows,
                "what was past its time was deleted"
            );
        }
        Ok((swept, pruned))
    }
}
