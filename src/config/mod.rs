//! `app-params.toml`: what an admin edits, read into types that can only hold sound values.
//!
//! [`load`] reads the file once and reports *all* of its problems, each with file, line, column and a remedy. What
//! comes out, [`Params`], has every default filled in, every secret resolved (literal, environment or file) and
//! every company's parameters laid over its application's. Nothing above this layer reads TOML.
//!
//! May know: [`crate::base`]. Knows nothing of the rest.

mod application;
pub mod codes;
mod document;
mod doubtful;
mod environment;
mod limits;
mod load;
mod names;
mod params;
mod places;
mod reader;
mod secrets;
mod templates;
#[cfg(test)]
mod tests;
mod values;
mod warnings;
mod whatsapp;

pub use environment::overwrite_secrets_in_environment;
pub use load::{Loaded, Reading, load, load_without_secrets, parse, read};
pub use params::{
    Address, Application, Company, CompanyLimits, Environment, GoogleCloudStorage, HostParams, Limits,
    MAX_TEMPLATE, MediaCheck, Params, Rules, SendingKey, SimulatorParams, Template, Templates, Whatsapp,
};
pub use places::place_of;
pub use values::parse_address;
