//! Whether the host lives, and whether it takes work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

use crate::web::{Site, answer};

/// Whether the host takes work: not before migrations are applied, and not while it drains.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Says whether the host takes work from now on.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Relaxed);
    }
}

/// What `/healthz` answers.
pub const ALIVE: &str = "alive\n";

pub(super) async fn alive() -> &'static str {
    ALIVE
}

pub(super) async fn ready(State(site): State<Site>) -> Response {
    if site.readiness.0.load(Ordering::Relaxed) {
        "ready\n".into_response()
    } else {
        answer::error(StatusCode::SERVICE_UNAVAILABLE, "NOT_READY", "the host is starting or stopping")
    }
}
