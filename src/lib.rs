//! Boatswain.
pub mod base;
pub mod script;
pub mod whatsapp;
