//! Tests of actions: `*.test.js`, each test in a world of its own.
//!
//! ```text
//! suite       what there is to test: an application's files, its tests included, and its parameters made harmless
//! world       one test's world: the host itself over new databases, the simulator, and a time that stands still
//! ask         what a test may ask of its world, and what it is answered
//! parameters  which parameters an application has
//! limits      what an application may send in a test
//! storage     Google Cloud Storage in a test's world
//! runner      lists the tests of a file and runs them, in worker processes as confined as those of actions
//! workers     workers that are passed on from world to world
//! folder      a folder that is gone afterwards
//! prelude     (JavaScript) what a test file has in scope
//! ```
//!
//! A test file is JavaScript like an action's modules, in a worker; what it asks for, its one host function `ask` takes to
//! the world. The world is the real thing: sends go over HTTP to the simulator, signed callbacks come back, are stored, and
//! start runs. Only time is not: it stands still until the test moves it, or something happens within a second of it, and so
//! nothing depends on how fast the computer is. After each thing that a test does, the world comes to rest before the
//! test goes on.
//!
//! May know [`crate::runtime`] and what that is made of, but nothing of the command line.

mod ask;
mod folder;
mod limits;
mod parameters;
mod runner;
mod storage;
mod suite;
mod workers;
mod world;

pub use runner::{Outcome, Runner, TestCase, TestFile, TestReport, Unloaded};
pub use suite::{Suite, SuiteError};
pub use world::Logged;
