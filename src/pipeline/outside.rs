//! What the pipeline reaches outside the host: workers, and Twilio.
//!
//! Behind traits, because both may fail at any moment in ways that no test could bring about at will, and the
//! deterministic simulation must. All calls block the calling thread.

use std::time::{Duration, Instant};

use crate::base::MessageSid;
use crate::script::protocol::{FromWorker, Reason, Start, ToWorker};
use crate::script::{Death, Worker, WorkerCommand, WorkerError};
use crate::whatsapp::{
    Account, IncomingMedium, MediaAddress, MediaProbe, Medium, MessageFilter, MessageResource, ObjectName,
    OutgoingMessage, ReadError, Seen, SendOutcome, SignedUrls, Transfer, TransferError, Twilio, Unprobed,
};

/// Where workers come from.
pub trait Workers: Send + Sync {
    /// Starts a worker and waits until it is ready.
    ///
    /// # Errors
    /// When it cannot be started.
    fn spawn(&self, start: &Start) -> Result<Box<dyn WorkerHandle>, WorkerError>;
}

/// A worker; dropping it kills it. See [`Worker`] for what the calls promise.
pub trait WorkerHandle: Send {
    /// Puts a frame behind those that are to be written.
    ///
    /// # Errors
    /// When it is too long; nothing is queued then.
    fn queue(&mut self, frame: &ToWorker) -> Result<(), WorkerError>;
    /// Bytes of the runs that have been queued and have not ended.
    fn bytes_ahead(&self) -> usize;
    /// How many of them the pipe takes without waiting.
    fn room_ahead(&self) -> usize;
    /// The current run begins now: its CPU time counts from here.
    fn run_begins(&mut self);
    /// Waits for the worker's next frame.
    ///
    /// # Errors
    /// The worker's death; it is of no use any more.
    fn receive(&mut self, wall_deadline: Instant) -> Result<FromWorker, Death>;
    /// Kills the worker for `reason`; it is of no use any more.
    fn end(&mut self, reason: Reason, message: String) -> Death;
    /// Processor time of the worker since its start.
    fn cpu(&self) -> Duration;
    /// Whether it keeps so much memory between two runs that a new one is better.
    fn has_grown(&self) -> bool;
}

impl Workers for WorkerCommand {
    fn spawn(&self, start: &Start) -> Result<Box<dyn WorkerHandle>, WorkerError> {
        Ok(Box::new(Worker::spawn(self, start)?))
    }
}

impl WorkerHandle for Worker {
    fn queue(&mut self, frame: &ToWorker) -> Result<(), WorkerError> {
        self.queue(frame)
    }

    fn bytes_ahead(&self) -> usize {
        self.bytes_ahead()
    }

    fn room_ahead(&self) -> usize {
        self.room_ahead()
    }

    fn run_begins(&mut self) {
        self.run_begins();
    }

    fn receive(&mut self, wall_deadline: Instant) -> Result<FromWorker, Death> {
        self.receive(wall_deadline)
    }

    fn end(&mut self, reason: Reason, message: String) -> Death {
        self.end(reason, message)
    }

    fn cpu(&self) -> Duration {
        self.cpu()
    }

    fn has_grown(&self) -> bool {
        self.has_grown()
    }
}

/// The way to Twilio, and to the media that it will fetch; [`Twilio`] says what the answers mean.
pub trait Network: Send + Sync {
    /// Whether a medium is the host's own, which may be looked at where nothing leaves the computer.
    fn is_at_home(&self, medium: &MediaAddress) -> bool;

    /// Looks at a medium.
    ///
    /// # Errors
    /// See [`Unprobed`].
    fn look_at(&self, medium: &MediaAddress) -> Result<Seen, Unprobed>;

    /// Sends a message: one request, whatever happens.
    fn create_message(&self, account: &Account, message: &OutgoingMessage) -> SendOutcome;

    /// Reads Twilio's record of a message.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn fetch_message(&self, account: &Account, sid: &MessageSid) -> Result<MessageResource, ReadError>;

    /// Lists messages, newest first.
    ///
    /// # Errors
    /// See [`ReadError`].
    fn list_messages(
        &self,
        account: &Account,
        filter: &MessageFilter,
    ) -> Result<Vec<MessageResource>, ReadError>;

    /// Fetches a medium that came in with a message.
    ///
    /// # Errors
    /// See [`TransferError`].
    fn fetch_medium(
        &self,
        account: &Account,
        medium: &IncomingMedium,
        within: Duration,
    ) -> Result<Medium, TransferError>;

    /// Stores a medium as an object.
    ///
    /// # Errors
    /// See [`TransferError`].
    fn store_medium(
        &self,
        storage: &SignedUrls,
        object: &ObjectName,
        medium: &Medium,
        within: Duration,
    ) -> Result<(), TransferError>;
}

/// The real one: the client, driven where the host's sockets are.
pub struct Internet {
    /// The client.
    pub twilio: Twilio,
    /// What looks at media.
    pub probe: MediaProbe,
    /// What carries those that come in.
    pub transfer: Transfer,
    /// Whether the host serves its own files: a run by hand while it is down finds nobody there.
    pub is_serving: bool,
    /// Where its futures run; calls come from other threads.
    pub runtime: tokio::runtime::Handle,
}

impl Network for Internet {
    fn is_at_home(&self, medium: &MediaAddress) -> bool {
        self.is_serving && self.probe.is_at_home(medium)
    }

    fn look_at(&self, medium: &MediaAddress) -> Result<Seen, Unprobed> {
        self.runtime.block_on(self.probe.look(medium))
    }

    fn create_message(&self, account: &Account, message: &OutgoingMessage) -> SendOutcome {
        self.runtime.block_on(self.twilio.create_message(account, message))
    }

    fn fetch_message(&self, account: &Account, sid: &MessageSid) -> Result<MessageResource, ReadError> {
        self.runtime.block_on(self.twilio.fetch_message(account, sid))
    }

    fn list_messages(
        &self,
        account: &Account,
        filter: &MessageFilter,
    ) -> Result<Vec<MessageResource>, ReadError> {
        self.runtime.block_on(self.twilio.list_messages(account, filter))
    }

    fn fetch_medium(
        &self,
        account: &Account,
        medium: &IncomingMedium,
        within: Duration,
    ) -> Result<Medium, TransferError> {
        self.runtime.block_on(self.transfer.fetch(account, medium, within))
    }

    fn store_medium(
        &self,
        storage: &SignedUrls,
        object: &ObjectName,
        medium: &Medium,
        within: Duration,
    ) -> Result<(), TransferError> {
        self.runtime.block_on(self.transfer.store(storage, object, medium, within))
    }
}
