//! JavaScript: the catalogue of an application's scripts, the sandbox that runs them, and the worker process
//! that the sandbox lives in.
//!
//! ```text
//! host side                                            child side
//! catalogue ─ reads scripts/<appId>/ into a Bundle      worker  ─ the child's main loop
//! judge     ─ has a child look at it, and throws it away  confine ─ what the child gives up
//! process   ─ spawns, feeds and kills a worker  ⇄ pipes ⇄       ─ sandbox: a warm Boa Context
//! ```
//!
//! [`protocol`] holds the frames that cross the pipes, [`frame`] turns them into bytes. The sandbox does not know in which
//! process it runs: it sees a [`sandbox::Host`] to call, and a test can be one. Knows nothing of WhatsApp, storage or the
//! pipeline: what a script may call arrives as a list of names, and what a call does is the host's affair.

pub mod catalogue;
pub mod confine;
pub mod frame;
pub mod judge;
pub mod process;
pub mod protocol;
pub mod sandbox;
mod spawner;
mod sys;
pub mod worker;

pub use process::{Death, Worker, WorkerCommand, WorkerError};
pub use sandbox::CountingAllocator;
pub use sys::give_way;
