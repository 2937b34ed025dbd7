//! Pipeline and inbox, tied to each other: the host without its listeners.

use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::base::stage::Thread;
use crate::pipeline::{ApplicationSetup, Pipeline, Surroundings};
use crate::store::{HostDb, Inbox, Ledger, StoreError};

/// The part of a host that keeps notifications and runs actions.
pub struct Engine {
    /// What runs actions.
    pub pipeline: Arc<Pipeline>,
    /// What keeps notifications.
    pub inbox: Inbox,
    /// The inbox's thread; it ends when pipeline and inbox are gone.
    pub writer: Thread,
}

impl Engine {
    /// Ties the parts together over an open `host.db`, the one that the surroundings name; nothing runs yet.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub fn new(
        host_db: HostDb,
        surroundings: &Surroundings,
        setups: Vec<ApplicationSetup>,
    ) -> io::Result<Self> {
        let pipeline = Arc::new(Pipeline::new(surroundings, setups));
        let announced = Arc::downgrade(&pipeline);
        let announce = move |accepted: Vec<_>| {
            if let Some(pipeline) = announced.upgrade() {
                pipeline.accept(&accepted);
            }
        };
        let (inbox, writer) = Inbox::start(host_db, surroundings.ledger.clone(), announce)?;
        Ok(Self { pipeline, inbox, writer })
    }

    /// Takes up what waits in `host.db`, and begins to run actions.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn take_up(&self, host_db: &Path) -> Result<(), StoreError> {
        let ledger = Ledger::open(host_db)?;
        self.pipeline.start(&self.inbox, ledger.waiting()?, ledger.open_messages()?);
        Ok(())
    }

    /// Begins to run actions, without what waits.
    pub fn leave_waiting(&self) {
        self.pipeline.start(&self.inbox, Vec::new(), Vec::new());
    }
}
