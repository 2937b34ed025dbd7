//! Boatswain.
pub mod base;
pub mod script;
