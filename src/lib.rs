//! Boatswain: an embedded JavaScript scripting host for WhatsApp applications.
//!
//! Authors write *actions*, JavaScript files that send WhatsApp messages through Twilio and keep their application's
//! data in a database of its own. Twilio reports what becomes of each message by calling back; the host keeps each
//! *notification* durably, acknowledges it, and runs the configured action with it, exactly once in its effect.
//!
//! # Layout
//!
//! From the top to the bottom; a module knows those below it and none above (a test reads the imports and holds
//! this):
//!
//! * [`cli`]: the command line, one file a command.
//! * [`testing`]: tests of actions, each in a world of its own.
//! * [`runtime`]: the host as a whole, [`Host`]: what an embedder starts and stops.
//! * [`control`]: `data/host.sock`, through which the other commands work while a host is up.
//! * [`web`]: the public listener: callbacks, public files, health. Never runs JavaScript.
//! * [`pipeline`]: notification → run → done: a pure queue, and the threads around it.
//! * [`simulator`]: a stand-in for Twilio, over real HTTP.
//! * [`host`]: the manifest of everything that a script may call.
//! * [`script`]: catalogue of scripts, worker processes and what confines them, and the sandbox in them.
//! * [`whatsapp`]: Twilio's words and wire: forms, signatures, error codes, the client.
//! * [`store`]: the databases. All SQL of the host's own is here.
//! * [`config`]: the parameters, `app-params.toml`.
//! * [`base`]: ids, phone numbers, secrets, time, diagnostics.
//!
//! # A callback arrives
//!
//! 1. [`web::listener`] accepts the connection within its limits; `web/callback.rs` reads the body, parses it once
//!    ([`whatsapp::Form`]) and checks the signature over the configured public URL.
//! 2. [`store::Inbox`] takes the [`store::NewNotification`]; its one thread commits whatever waits as one batch. A row
//!    with the same key is a repeat.
//! 3. After the COMMIT the caller gets its 204, and [`pipeline::Pipeline::accept`] hears of what is new.
//! 4. The application's [`pipeline::queue::Queue`] decides what may run. A slot thread claims a batch and takes the
//!    *baton*, the one connection that may write the application's database ([`store::AppDb`]).
//! 5. Each run has a savepoint; it is sent ahead to a worker process ([`script::Worker`]), whose sandbox runs the
//!    action and asks for host functions by frames ([`script::protocol`]).
//! 6. At the end of the run its mark goes into `_host_done`, in the same transaction as its effects; one COMMIT for
//!    the batch. Then the inbox records the run, in no hurry: if that is lost, `_host_done` knows.
//!
//! # An action sends
//!
//! 1. `utils.whatsapp.send` arrives as a call; [`host`] checks it and answers [`host::Reply::Send`].
//! 2. `pipeline/sends.rs` records the run's calls so far and the intent in the run's journal and COMMITs, with what
//!    the run has written; then the ledger gets its row. Only then may the request leave.
//! 3. The baton is given up, [`whatsapp::Twilio`] asks Twilio (again, while nothing has left and there is time), the
//!    baton is taken again, the outcome is recorded.
//! 4. Should the host die anywhere in between, the run is taken up again: recorded calls return their recorded
//!    answers, and an intent without an outcome is found out or stays in doubt; it is never repeated.
//! 5. What Twilio does not tell, [`pipeline::Reconciler`] asks.

pub mod base;
pub mod cli;
pub mod config;
pub mod control;
pub mod host;
pub mod pipeline;
pub mod runtime;
pub mod script;
pub mod simulator;
pub mod store;
pub mod testing;
pub mod web;
pub mod whatsapp;

pub use runtime::{Host, HostBuilder};

/// The examples of the page for embedders are compiled.
#[cfg(doctest)]
#[doc = include_str!("../docs/embedding.md")]
struct Embedding;
