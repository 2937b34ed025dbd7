//! Pipeline and inbox, tied to each other: the host without its listeners.

use std::sync::Arc;

use crate::base::stage::Thread;
use crate::pipeline::{ApplicationSetup, Pipeline, Surroundings};
use crate::store::{HostDb, Inbox, KeyRing, StoreError};

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
    /// When `host.db` cannot be read, or the operating system gives no thread.
    pub fn new(
        host_db: HostDb,
        surroundings: &Surroundings,
        setups: Vec<ApplicationSetup>,
    ) -> Result<Self, StoreError> {
        let pipeline = Arc::new(Pipeline::new(surroundings, setups));
        let announced = Arc::downgrade(&pipeline);
        let announce = move |news| {
            if let Some(pipeline) = announced.upgrade() {
                pipeline.hear(&news);
            }
        };
        let keys = KeyRing::open(&host_db, surroundings.key.clone())?;
        let (inbox, writer) = Inbox::start_with_keys(host_db, surroundings.ledger.clone(), keys, announce)
            .map_err(StoreError::Thread)?;
        Ok(Self { pipeline, inbox, writer })
    }
}
