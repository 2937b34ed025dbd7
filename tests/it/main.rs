//! What the program promises, tested from outside. One file a promise.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used)]

mod cases;
mod crash;
mod host;
mod hostile;
mod support;
mod worker;
