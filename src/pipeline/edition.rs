//! An edition of an application: what its runs go by. One never changes; when scripts or parameters do, there is a new
//! one, and a batch keeps to the end the one that it was claimed with.

use std::sync::Arc;

use crate::base::ActionId;
use crate::config;
use crate::pipeline::Workers;
use crate::pipeline::pool::Pool;
use crate::script::protocol::Bundle;
use crate::store::Source;
use crate::whatsapp::SignedUrls;

/// See the module.
pub(super) struct Edition {
    pub(super) parameters: Arc<config::Application>,
    /// The version of its scripts.
    pub(super) script_version: String,
    /// Its scripts, for the code around a failure.
    pub(super) bundle: Arc<Bundle>,
    pub(super) storage: Option<Arc<SignedUrls>>,
    /// Workers that have these scripts in them. A pool that is closed keeps none, and goes on giving new ones to those
    /// who still go by it.
    pub(super) pool: Arc<Pool>,
}

impl Edition {
    pub(super) fn new(
        parameters: Arc<config::Application>,
        bundle: &Arc<Bundle>,
        storage: Option<Arc<SignedUrls>>,
        workers: Arc<dyn Workers>,
    ) -> Arc<Self> {
        let pool = Pool::new(&parameters, bundle, workers);
        Arc::new(Self {
            pool,
            parameters,
            script_version: bundle.version.clone(),
            bundle: Arc::clone(bundle),
            storage,
        })
    }

    /// What follows this edition. Its workers are the same ones where they would be started in the same way.
    pub(super) fn next(
        &self,
        parameters: Arc<config::Application>,
        bundle: &Arc<Bundle>,
        storage: Option<Arc<SignedUrls>>,
    ) -> Arc<Self> {
        let pool = self.pool.fitting(&parameters, bundle);
        Arc::new(Self {
            pool,
            parameters,
            script_version: bundle.version.clone(),
            bundle: Arc::clone(bundle),
            storage,
        })
    }

    /// The action that runs for what came so.
    pub(super) fn action_of(&self, source: Source) -> Option<&ActionId> {
        match source {
            Source::Callback | Source::Poll => self.parameters.whatsapp.whatsapp_callback.as_ref(),
            Source::Message => self.parameters.whatsapp.incoming_message.as_ref(),
        }
    }

    /// What came so has no action: it goes on waiting.
    pub(super) fn idle_sources(&self) -> Vec<Source> {
        let sources = [Source::Callback, Source::Poll, Source::Message].into_iter();
        sources.filter(|source| self.action_of(*source).is_none()).collect()
    }

    /// Whether anything that comes has an action.
    pub(super) fn has_action(&self) -> bool {
        let whatsapp = &self.parameters.whatsapp;
        whatsapp.whatsapp_callback.is_some() || whatsapp.incoming_message.is_some()
    }
}
