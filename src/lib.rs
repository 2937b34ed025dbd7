//! Boatswain.
pub mod base;
