//! The pipeline: notification → run → done.
pub mod queue;
