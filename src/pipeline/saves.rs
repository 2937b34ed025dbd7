//! A run that saves a medium: it waits for the network without the baton, like a send.
//!
//! What was saved is recorded at once, by itself: an attempt that fails later does not fetch it again. What failed is an
//! answer like any other, recorded with the next call that commits. So a failure that the run ends with is not recorded
//! at all, and the next attempt tries again; one that the script has gone on from is, and stays.

use std::time::{Duration, Instant};

use crate::base::stage;
use crate::host::SaveMedia;
use crate::pipeline::application::Application;
use crate::pipeline::backoff::{FIRST, MOST_MARGIN};
use crate::pipeline::batch::Batch;
use crate::pipeline::calls::{advance, encode, remember};
use crate::pipeline::keys::next_key;
use crate::pipeline::run::{Origin, Run, Stop};
use crate::script::protocol::{Answer, Value};
use crate::store::JournalCall;
use crate::whatsapp::{Again, Medium, TransferError};

/// How often a medium is fetched, and how often stored, when servers fail for the moment.
const TRIES: u32 = 3;

impl Batch<'_> {
    /// Saves a medium, and answers the call with what was saved.
    pub(super) fn save(
        &mut self,
        run: &mut Run,
        save: &SaveMedia,
        fingerprint: [u8; 16],
    ) -> Result<Answer, Stop> {
        let application = self.application;
        let wall = self.edition.parameters.limits.wall;
        let left = self.deadline(run).saturating_duration_since(stage::now());
        let end = stage::now() + left.saturating_sub((wall / 5).min(MOST_MARGIN));
        let saving = Saving { application, save, end };
        let made = self.aside(run, || {
            stage::reach("save-begun");
            let made = saving.make();
            stage::reach("save-made");
            made
        })?;
        match (made, &run.origin) {
            (Ok(value), Origin::Notification { id, .. }) => {
                let id = *id;
                let answer = Answer::Return { value, advance_ms: advance(run, self.application.now()) };
                // Outside of what is undone when the run fails; the run has written nothing since.
                self.db().keep_run()?;
                let call = JournalCall { fingerprint, answer: Some(encode(&answer)), message: None };
                self.db().record_call(id, run.calls, &call)?;
                self.db().begin_run()?;
                Ok(answer)
            }
            (Ok(value), Origin::Direct(_)) => {
                Ok(Answer::Return { value, advance_ms: advance(run, self.application.now()) })
            }
            (Err(Unsaved::Interrupted(_)), Origin::Notification { .. }) => Err(Stop::Stopping),
            (Err(Unsaved::Failed(error) | Unsaved::Interrupted(error)), _) => {
                Ok(remember(run, fingerprint, Answer::Throw(SaveMedia::failed(&error))))
            }
        }
    }
}

/// One medium on its way.
struct Saving<'a> {
    application: &'a Application,
    save: &'a SaveMedia,
    /// When it must be over, so that the action has time to react.
    end: Instant,
}

/// Why a medium was not saved.
enum Unsaved {
    Failed(TransferError),
    /// The host is stopping; after this.
    Interrupted(TransferError),
}

impl Saving<'_> {
    fn make(&self) -> Result<Value, Unsaved> {
        let network = &self.application.surroundings.network;
        let medium = self.persist(|within| self.fetch(within))?;
        self.persist(|within| network.store_medium(&self.save.storage, &self.save.object, &medium, within))?;
        Ok(self.save.saved(&medium))
    }

    /// Fetches with one key of the account after another, until one is not refused.
    fn fetch(&self, within: Duration) -> Result<Medium, TransferError> {
        let mut account = self.save.account.clone();
        loop {
            match self.application.surroundings.network.fetch_medium(&account, &self.save.medium, within) {
                Err(TransferError::KeyRefused(_)) if next_key(&mut account) => {}
                fetched => return fetched,
            }
        }
    }

    /// Does something again that may go better in a moment: after 500 ms, doubling, or when the server asked for it, as
    /// long as there is time.
    fn persist<T>(&self, ask: impl Fn(Duration) -> Result<T, TransferError>) -> Result<T, Unsaved> {
        let mut tries = 0;
        loop {
            let error = match ask(self.end.saturating_duration_since(stage::now())) {
                Ok(done) => return Ok(done),
                Err(error) => error,
            };
            let wait = match error.again() {
                Again::After(asked) => asked.unwrap_or(FIRST * (1 << tries)),
                Again::No => return Err(Unsaved::Failed(error)),
            };
            tries += 1;
            if tries == TRIES || stage::now() + wait >= self.end {
                return Err(Unsaved::Failed(error));
            }
            tracing::debug!(
                tries,
                code = error.code(),
                wait_ms = wait.as_millis(),
                "a medium is carried again"
            );
            if !self.application.let_pass(wait) {
                return Err(Unsaved::Interrupted(error));
            }
        }
    }
}
