//! Keeps the pages of other sites away from `/simulator`, which asks for no key: any page that is open in the author's
//! browser could send requests to a loopback address.
//!
//! Browsers say in `Origin` which page a request comes from, unless it only reads from its own site. A page can make its
//! own name lead to this computer, and so become the simulator's "own site" (DNS rebinding): a simulator that listens on
//! a loopback address answers to loopback names only.

use std::net::{IpAddr, SocketAddr};

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use url::Url;

use super::callback::is_loopback;

/// Routes that are closed to the pages of other sites; `address` is where the simulator listens.
pub(super) fn own_pages_only<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    address: SocketAddr,
) -> Router<S> {
    routes.layer(middleware::from_fn(move |request: Request, next: Next| async move {
        match refusal(request.headers(), address.ip()) {
            None => next.run(request).await,
            Some(why) => refused(why),
        }
    }))
}

fn refused(why: &str) -> Response {
    (StatusCode::FORBIDDEN, Json(json!({ "message": why }))).into_response()
}

/// Why a request is not served.
fn refusal(headers: &HeaderMap, listens_on: IpAddr) -> Option<&'static str> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(HOST).unwrap_or_default();
    let called = |scheme| Url::parse(&format!("{scheme}://{host}")).ok();
    if listens_on.is_loopback() && !called("http").as_ref().is_some_and(is_loopback) {
        return Some("this simulator listens on a loopback address: call it by that, or by localhost");
    }
    let origin = text(ORIGIN)?;
    // A proxy in front of it may do TLS.
    let is_own = ["http", "https"]
        .into_iter()
        .filter_map(called)
        .any(|own| own.origin().ascii_serialization() == origin);
    (!is_own).then_some("a page of another site may not use the simulator")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_served(listens_on: &str, host: Option<&str>, origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in [(HOST, host), (ORIGIN, origin)] {
            if let Some(value) = value {
                headers.insert(name, value.parse().unwrap());
            }
        }
        refusal(&headers, listens_on.parse().unwrap()).is_none()
    }

    #[test]
    fn own_pages_and_programs_are_served() {
        for (listens_on, host, origin) in [
            ("127.0.0.1", "127.0.0.1:8081", None),
            ("127.0.0.1", "127.0.0.1:8081", Some("http://127.0.0.1:8081")),
            ("127.0.0.1", "localhost:8081", Some("http://localhost:8081")),
            ("::1", "[::1]:8081", Some("http://[::1]:8081")),
            ("127.0.0.1", "127.0.0.1", Some("http://127.0.0.1")),
            ("0.0.0.0", "simulator:8081", None),
            ("0.0.0.0", "simulator:8081", Some("http://simulator:8081")),
            ("0.0.0.0", "simulator.example", Some("https://simulator.example")),
        ] {
            assert!(is_served(listens_on, Some(host), origin), "{host} {origin:?}");
        }
    }

    #[test]
    fn other_sites_are_not() {
        for (host, origin) in [
            (Some("127.0.0.1:8081"), Some("https://evil.example")),
            (Some("127.0.0.1:8081"), Some("null")),
            (Some("127.0.0.1:8081"), Some("http://127.0.0.1:8080")),
            (Some("127.0.0.1:8081"), Some("http://localhost:8081")),
            (Some("evil.example:8081"), Some("http://evil.example:8081")),
            (Some("evil.example:8081"), None),
            (Some("localhost.evil.example:8081"), None),
            (None, None),
        ] {
            assert!(!is_served("127.0.0.1", host, origin), "{host:?} {origin:?}");
        }
        assert!(!is_served("0.0.0.0", Some("simulator:8081"), Some("http://evil.example")));
        assert!(!is_served("0.0.0.0", None, Some("http://evil.example")));
    }
}
