//! The page with the phones: `GET /`, what it consists of, and the events that keep it up to date.
//!
//! It is plain HTML, CSS and JavaScript without a build step, in the folder `page`, and asks nobody but the simulator.
//! What stands in messages reaches it as text, never as HTML. Pictures and other media it shows where they are, if the
//! simulator itself may fetch them from there ([`super::MediaFrom`] and
//! [`allow_media_from`](super::Simulator::allow_media_from)); of others it shows the address. The browser is told the
//! same in a `Content-Security-Policy`, so that a mistake in the page reaches nobody either.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State as Shares};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http_body_util::Channel;
use http_body_util::channel::Sender;

use super::Shared;
use super::settings::MediaFrom;

const PAGE: &str = include_str!("page/index.html");
/// Where [`PAGE`] is told whose media it may show.
const MEDIA_MARK: &str = "{{media}}";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
/// Names, types and contents.
pub(super) const FILES: &[(&str, &str, &str)] = &[
    ("style.css", "text/css; charset=utf-8", include_str!("page/style.css")),
    ("icon.svg", "image/svg+xml", include_str!("page/icon.svg")),
    ("main.js", JAVASCRIPT, include_str!("page/main.js")),
    ("api.js", JAVASCRIPT, include_str!("page/api.js")),
    ("conversation.js", JAVASCRIPT, include_str!("page/conversation.js")),
    ("details.js", JAVASCRIPT, include_str!("page/details.js")),
    ("dom.js", JAVASCRIPT, include_str!("page/dom.js")),
    ("faults.js", JAVASCRIPT, include_str!("page/faults.js")),
    ("media.js", JAVASCRIPT, include_str!("page/media.js")),
    ("model.js", JAVASCRIPT, include_str!("page/model.js")),
    ("phones.js", JAVASCRIPT, include_str!("page/phones.js")),
    ("status.js", JAVASCRIPT, include_str!("page/status.js")),
    ("text.js", JAVASCRIPT, include_str!("page/text.js")),
];

/// The least time between two events of one stream: what changes meanwhile is one event.
const PAUSE: Duration = Duration::from_millis(100);
/// How long a stream may be silent; then a comment shows that it is still there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/", get(page))
        .route("/simulator/page/{file}", get(file))
        .route("/simulator/events", get(events))
}

async fn page(Shares(shared): Shares<Arc<Shared>>) -> Response {
    let media = shared.shown_media();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: {media}; \
         media-src 'self' blob: {media}; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    let html = PAGE.replace(MEDIA_MARK, &media);
    ([(CONTENT_SECURITY_POLICY, policy)], headers("text/html; charset=utf-8"), html).into_response()
}

async fn file(Path(name): Path<String>) -> Response {
    match FILES.iter().find(|(known, ..)| *known == name) {
        Some((_, content_type, contents)) => (headers(content_type), *contents).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

fn headers(content_type: &'static str) -> [(HeaderName, &'static str); 4] {
    [
        (CONTENT_TYPE, content_type),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"), // another version of the program may answer next
    ]
}

async fn events(Shares(shared): Shares<Arc<Shared>>) -> Response {
    let (stream, body) = Channel::new(1);
    tokio::spawn(tell(shared, stream));
    ([(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-cache")], Body::new(body)).into_response()
}

/// Tells of changes until the listener is gone or the simulator stops. The first event comes at once.
async fn tell(shared: Arc<Shared>, mut stream: Sender<Bytes>) {
    let mut changes = shared.revision.subscribe();
    changes.mark_changed();
    let telling = async {
        loop {
            let event = match tokio::time::timeout(KEEP_ALIVE, changes.changed()).await {
                Ok(Ok(())) => {
                    let revision = shared.state().messages.revision();
                    format!("event: changed\ndata: {{\"revision\":{revision}}}\nretry: 1000\n\n")
                }
                Ok(Err(_)) => return,
                Err(_) => ": still here\n\n".to_owned(),
            };
            if stream.send_data(event.into()).await.is_err() {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let mut stopping = shared.stopping.subscribe();
    tokio::select! {
        () = telling => {}
        _ = stopping.wait_for(|stopping| *stopping) => {}
    }
}

impl Shared {
    /// Whose media the page may show, besides the simulator's own, in the words of a `Content-Security-Policy`.
    fn shown_media(&self) -> String {
        let neighbours = match self.media {
            MediaFrom::Loopback => ["http://127.0.0.1:*", "http://localhost:*"].as_slice(),
            MediaFrom::Named => &[],
        };
        let named =
            self.state().media_origins.iter().map(url::Origin::ascii_serialization).collect::<Vec<_>>();
        let named = named.iter().map(String::as_str).filter(|origin| *origin != "null");
        neighbours.iter().copied().chain(named).collect::<Vec<_>>().join(" ")
    }
}
