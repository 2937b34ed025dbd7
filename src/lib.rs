//! Boatswain.
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
pub mod web;
pub mod whatsapp;
pub use runtime::{Host, HostBuilder};
