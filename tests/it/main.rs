//! What the program promises, tested from outside. One file a promise.
#![allow(missing_docs)]

mod crash;
mod host;
