//! Google Cloud Storage in a test's world: objects in memory, behind URLs that are signed by nobody.
//!
//! All buckets are there. As at Google's, an object that is not is answered with 404, and a URL without a signature with
//! 403; which signature it is, and how old, does not matter.

use std::collections::HashMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use percent_encoding::percent_decode_str;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use url::Url;

use crate::web::{Listener, ListenerLimits};
use crate::whatsapp::{ObjectName, SignedUrls};

/// See the module.
pub(super) struct Storage {
    objects: Objects,
    urls: Arc<SignedUrls>,
    listener: Listener,
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Object {
    pub(super) content_type: String,
    pub(super) bytes: Bytes,
}

/// By their paths, `bucket/name`.
#[derive(Clone, Default)]
struct Objects(Arc<Mutex<HashMap<String, Object>>>);

impl Storage {
    /// An empty one, whose URLs say that they are good for so long. Blocks.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub(super) fn start(lifetime: Duration, runtime: &Handle) -> io::Result<Self> {
        let socket = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let endpoint = Url::parse(&format!("http://{}", socket.local_addr()?)).map_err(io::Error::other)?;
        let urls = SignedUrls::without_key(lifetime, &endpoint).map_err(io::Error::other)?;
        let objects = Objects::default();
        let routes =
            Router::new().fallback(answer).layer(DefaultBodyLimit::disable()).with_state(objects.clone());
        let _on_it = runtime.enter();
        let listener = Listener::serve(socket, routes, ListenerLimits::default())?;
        Ok(Self { objects, urls: Arc::new(urls), listener })
    }

    /// What makes URLs of its objects.
    pub(super) fn urls(&self) -> &Arc<SignedUrls> {
        &self.urls
    }

    /// Puts an object into a bucket, in the place of one of that name.
    pub(super) fn put(&self, place: &ObjectName, object: Object) {
        self.objects.lock().insert(path(place), object);
    }

    /// The object of a name, if there is one.
    pub(super) fn get(&self, place: &ObjectName) -> Option<Object> {
        self.objects.lock().get(&path(place)).cloned()
    }

    /// Ends it.
    pub(super) async fn stop(self) {
        self.listener.stop().await;
    }
}

impl Objects {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Object>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn path(place: &ObjectName) -> String {
    format!("{}/{}", place.bucket, place.name)
}

async fn answer(
    State(objects): State<Objects>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    bytes: Bytes,
) -> Response {
    let refuse = |status: StatusCode, word: &str| {
        let xml = format!("<Error><Code>{word}</Code></Error>");
        (status, [(CONTENT_TYPE, "application/xml")], xml).into_response()
    };
    if !uri.query().is_some_and(|query| query.contains("X-Goog-Signature=")) {
        return refuse(StatusCode::FORBIDDEN, "AccessDenied");
    }
    let path = percent_decode_str(uri.path().trim_start_matches('/')).decode_utf8_lossy().into_owned();
    match method {
        Method::GET | Method::HEAD => match objects.lock().get(&path) {
            Some(Object { content_type, bytes }) => {
                ([(CONTENT_TYPE, content_type.clone())], bytes.clone()).into_response()
            }
            None => refuse(StatusCode::NOT_FOUND, "NoSuchKey"),
        },
        Method::PUT => {
            let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
            let content_type = content_type.unwrap_or("application/octet-stream").to_owned();
            objects.lock().insert(path, Object { content_type, bytes });
            StatusCode::OK.into_response()
        }
        _ => refuse(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed"),
    }
}
