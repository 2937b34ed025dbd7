//! An admin and an author at work while the host runs: scripts, migrations, limits and actions change, one change at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use boatswain::base::Clock;
use boatswain::config::Application;
use boatswain::pipeline::{Pipeline, Revision};
use boatswain::script::protocol::Bundle;
use boatswain::store::Migration;

use crate::host::{PARAMETERS, parameters};
use crate::rng::Rng;
use crate::world::World;

/// See the module.
pub struct Changes {
    world: Arc<World>,
    original: Arc<Application>,
    number: AtomicU32,
    /// Whether one is under way.
    busy: Arc<AtomicBool>,
}

/// What one of them is about.
#[derive(Debug, Clone, Copy)]
enum Change {
    Scripts,
    /// They need a table that comes with them.
    Migration,
    /// The same, and the migration fails.
    BadMigration,
    /// Fewer or more threads, another share, room for a statement's memory.
    Limits,
    /// There is no action for callbacks; for messages; for neither.
    Actions(&'static [&'static str]),
    /// All is as it was.
    Original,
}

const CALLBACK: &str = "whatsapp_callback = \"onWhatsappStatus\"\n";
const MESSAGE: &str = "incoming_message = \"onWhatsappMessage\"\n";

impl Changes {
    pub fn new(world: &Arc<World>, original: &Arc<Application>) -> Self {
        Self {
            world: Arc::clone(world),
            original: Arc::clone(original),
            number: AtomicU32::new(0),
            busy: Arc::default(),
        }
    }

    /// Something changes, if nothing is being changed.
    pub fn any(&self, pipeline: Arc<Pipeline>) {
        let change = self.world.director.ask(|rng| {
            rng.weighted(&[
                (30, Change::Scripts),
                (20, Change::Migration),
                (10, Change::BadMigration),
                (20, Change::Limits),
                (5, Change::Actions(&[CALLBACK])),
                (5, Change::Actions(&[MESSAGE])),
                (5, Change::Actions(&[CALLBACK, MESSAGE])),
                (20, Change::Original),
            ])
        });
        self.make(change, pipeline);
    }

    /// Everything is as it was in the beginning; `false` while something else is being changed.
    pub fn undo(&self, pipeline: Arc<Pipeline>) -> bool {
        self.make(Change::Original, pipeline)
    }

    /// The host is gone, and with it whoever was changing something.
    pub fn host_died(&self) {
        self.busy.store(false, Ordering::Relaxed);
    }

    fn make(&self, change: Change, pipeline: Arc<Pipeline>) -> bool {
        if self.busy.swap(true, Ordering::Relaxed) {
            return false;
        }
        let revision = self.revision(change);
        let (director, now) = (Arc::clone(&self.world.director), self.world.now());
        let busy = Arc::clone(&self.busy);
        self.world.director.start("change", move || {
            let answer = pipeline.take_over(revision, now).map_err(|error| error.to_string());
            director.note(&format!("{change:?} changes: {answer:?}"));
            busy.store(false, Ordering::Relaxed);
        });
        true
    }

    fn revision(&self, change: Change) -> Revision {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let migration = |sql: String| {
            let name = format!("2-{number}.sql");
            vec![Migration { file: name.clone().into(), name, sql }]
        };
        Revision {
            parameters: match change {
                Change::Limits => self.world.director.ask(limits),
                Change::Actions(gone) => {
                    let text = gone.iter().fold(PARAMETERS.to_owned(), |text, line| text.replace(line, ""));
                    parameters(&text, self.world.settings.workers, self.world.settings.cpu_percent)
                }
                _ => Arc::clone(&self.original),
            },
            bundle: Arc::new(Bundle { version: number.to_string(), files: Vec::new() }),
            storage: None,
            migrations: match change {
                Change::Migration => Some(migration(format!("CREATE TABLE new_{number} (x)"))),
                Change::BadMigration => Some(migration(format!(
                    "CREATE TABLE never_{number} (x); INSERT INTO nowhere VALUES (1)"
                ))),
                _ => None,
            },
        }
    }
}

fn limits(rng: &mut Rng) -> Arc<Application> {
    let (workers, cpu_percent) = (rng.between(1, 4), rng.one_of(&[6400, 100]));
    let mut application = Application::clone(&parameters(PARAMETERS, workers, cpu_percent));
    application.limits.sql_memory_mb = rng.one_of(&[32, 64]);
    Arc::new(application)
}
