//! What scripts may call: the manifest, and one file for each capability.
//!
//! A host function is one documented Rust function with typed arguments ([`Arguments`]); [`MANIFEST`] lists them
//! all, and the JavaScript binding, the types for authors ([`types`]) and the reference page come out of that list. A
//! function sees its run ([`RunContext`]), the application's database, and what the run has gathered ([`Effects`]); it
//! sees no other application, and no secret leaves it.
//!
//! A function that sends returns [`Reply::Send`] instead of sending: a send is a commit point, and committing is the
//! pipeline's affair. So is waiting: a function that saves a medium returns [`Reply::Save`].
//!
//! May know: [`crate::script`]'s protocol, [`crate::whatsapp`], [`crate::store`] and below. Knows nothing of queues,
//! HTTP servers or the command line.

mod accounts;
mod arguments;
mod content;
mod context;
mod functions;
mod incoming_media;
mod ledger;
mod manifest;
mod media;
mod messages;
mod parameters;
mod reply;
mod request;
mod shapes;
mod sql;
pub mod types;
mod window;

pub use accounts::account_of;
pub use arguments::Arguments;
pub use context::{Effects, RunContext, Separated, VoSource};
pub use functions::{
    Body, Function, Parameter, Reply, Returns, Throws, call, is_reply, reply_function, sends, specs,
};
pub use incoming_media::SaveMedia;
pub use manifest::MANIFEST;
pub use messages::{OutcomeForm, Send};
pub use shapes::shapes;
pub use sql::run_separated;
pub use window::{correspondent, is_own};
