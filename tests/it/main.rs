//! What the program promises, tested from outside. One file a promise.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod accounts;
mod arguments;
mod backup;
mod bench;
mod callbacks;
mod cases;
mod commands;
mod crash;
mod demo;
mod faults;
mod functions;
mod going_live;
mod host;
mod hostile;
mod incoming;
mod keep;
mod layers;
mod ledger;
mod media;
mod media_check;
mod money;
mod phone_numbers;
mod pipeline;
mod production;
mod public_files;
mod reconciliation;
mod replay;
mod replies;
mod sending_docs;
mod simulator_docs;
mod support;
mod templates;
mod twilio;
mod window;
mod worker;
