//! What the program promises, tested from outside. One file a promise.
#![allow(missing_docs)]

mod hostile;
mod support;
mod worker;
