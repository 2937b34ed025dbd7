//! Boatswain.
pub mod base;
pub mod config;
pub mod pipeline;
pub mod script;
pub mod store;
