//! Answers that go wrong on demand: late, broken off, something else, or none at all.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request, State as Shares};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;

use super::Shared;
use super::address::Address;
use super::error::ApiError;
use super::script::{Answer, Fault};
use super::wire::Connection;
use crate::base::MessageSid;
use crate::whatsapp::Form;

/// What something between Twilio and the host may answer instead of Twilio.
const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Please wait</title></head><body><h1>Please wait</h1></body></html>\n";
/// The longest answer that is cut off: a page of a list.
const MAX_BODY: usize = 16 * 1024 * 1024;

/// A layer over Twilio's paths: lets reading go wrong as a script asks for, and gives an answer the form that it carries
/// as an extension.
pub(super) async fn give(
    Shares(shared): Shares<Arc<Shared>>,
    ConnectInfo(connection): ConnectInfo<Connection>,
    request: Request,
    next: Next,
) -> Response {
    let fault = (request.method() == Method::GET).then(|| shared.fault_of_reading(&request)).flatten();
    let (answer, response) = match fault {
        Some(Fault::Refuse { code, retry_after }) => {
            return ApiError { retry_after, ..ApiError::of_code(code) }.into_response();
        }
        Some(Fault::Break { answer }) => (answer, next.run(request).await),
        None => {
            let response = next.run(request).await;
            (response.extensions().get().copied().unwrap_or_default(), response)
        }
    };
    match answer {
        Answer::Created => response,
        Answer::ServerError => ApiError::of_code(20500).into_response(),
        Answer::Html => (StatusCode::OK, [(CONTENT_TYPE, "text/html; charset=utf-8")], PAGE).into_response(),
        Answer::Truncated => truncated(response).await,
        Answer::Reset => connection.reset(),
        Answer::Hang => {
            // Until the other side gives up, which drops this, or the simulator ends.
            let _ = shared.stopping.subscribe().wait_for(|stopping| *stopping).await;
            connection.reset()
        }
    }
}

impl Shared {
    /// What becomes of a request that reads one message, or the list of a recipient's.
    fn fault_of_reading(&self, request: &Request) -> Option<Fault> {
        let (_, file) = request.uri().path().rsplit_once('/')?;
        let mut state = self.state();
        let to = if file == "Messages.json" {
            let query = Form::parse(request.uri().query().unwrap_or_default().as_bytes()).ok()?;
            Address::parse(query.get("To")?).ok()?
        } else {
            let sid = MessageSid::parse(file.strip_suffix(".json").unwrap_or(file)).ok()?;
            state.messages.get(&sid)?.to.clone()
        };
        let fault = state.scripts.for_read(&to, &self.timings)?;
        self.announce(); // one less waits
        Some(fault)
    }
}

/// The first half of an answer that announces the whole.
async fn truncated(response: Response) -> Response {
    let (mut head, body) = response.into_parts();
    let whole = axum::body::to_bytes(body, MAX_BODY).await.unwrap_or_default();
    head.headers.insert(CONTENT_LENGTH, HeaderValue::from(whole.len()));
    let half = whole.slice(..whole.len() / 2);
    Response::from_parts(head, Body::new(Torn { half: Some(half), is_sent: false }))
}

/// A body that breaks off once its half has left.
struct Torn {
    half: Option<Bytes>,
    is_sent: bool,
}

impl HttpBody for Torn {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Some(half) = self.half.take() {
            return Poll::Ready(Some(Ok(Frame::data(half))));
        }
        if !self.is_sent {
            // The server writes out what it has while the body has nothing more to give.
            self.is_sent = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionAborted.into())))
    }
}
