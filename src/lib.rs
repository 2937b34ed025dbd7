//! Boatswain.
pub mod base;
pub mod config;
pub mod script;
