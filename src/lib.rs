//! Boatswain.
pub mod base;
pub mod script;
pub mod simulator;
pub mod whatsapp;
