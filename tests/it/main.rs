//! What the program promises, tested from outside. One file a promise.
#![allow(missing_docs)]

mod callbacks;
mod cases;
mod commands;
mod crash;
mod functions;
mod host;
mod hostile;
mod layers;
mod pipeline;
mod public_files;
mod support;
mod worker;
