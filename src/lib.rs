//! Boatswain.
pub mod base;
pub mod config;
pub mod host;
pub mod pipeline;
pub mod script;
pub mod store;
pub mod web;
pub mod whatsapp;
