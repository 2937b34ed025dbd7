//! The headers of Twilio's answers: `Twilio-Request-Id`, `Twilio-Request-Duration` in seconds, and
//! `Twilio-Concurrent-Requests`, how many requests are being answered.
//!
//! Source: <https://www.twilio.com/docs/usage/rest-api-best-practices>.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use axum::extract::{Request, State as Shares};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use uuid::Uuid;

use super::Shared;

/// Requests that are being answered.
#[derive(Debug, Default)]
pub(super) struct Concurrency(AtomicUsize);

/// One of them; however it ends.
struct Counted<'a>(&'a AtomicUsize);

impl Concurrency {
    fn enter(&self) -> (Counted<'_>, usize) {
        let others = self.0.fetch_add(1, Ordering::Relaxed);
        (Counted(&self.0), others + 1)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Adds the headers to an answer.
pub(super) async fn add(Shares(shared): Shares<Arc<Shared>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let (counted, requests) = shared.concurrency.enter();
    let mut response = next.run(request).await;
    drop(counted);
    let headers = [
        ("twilio-request-id", format!("RQ{}", Uuid::now_v7().simple())),
        ("twilio-request-duration", format!("{:.3}", began.elapsed().as_secs_f64())),
        ("twilio-concurrent-requests", requests.to_string()),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    response
}
