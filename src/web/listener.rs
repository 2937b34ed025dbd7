//! An accept loop with limits of its own.
//!
//! `axum::serve` sets no header-read timeout, so that one slow client could hold a socket for ever. Here a connection
//! has limited time for its headers (and between requests), limited space for them, and their number is bounded. For
//! one that comes on top, the one that has waited longest is closed ([`places`](super::places)); only when the requests
//! of all of them are being worked on does it wait, in the kernel's queue.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use hyper::Request;
use hyper::body::{Body as HttpBody, Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustix::net::sockopt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tower::Service;

use crate::web::places::{Place, Places};

/// How long open requests have to come to their answers when the listener stops.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// How much of an answer the kernel keeps for a client that does not take it. Left to itself it keeps megabytes.
const SEND_BUFFER: usize = 256 << 10;

/// What a connection may take.
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    /// Connections at once, one at least.
    pub connections: usize,
    /// Time for the headers of a request, and for an idle connection.
    pub header_timeout: Duration,
    /// How long a client may take nothing of its answer.
    pub answer_timeout: Duration,
    /// Space for the headers of a request, in bytes.
    pub header_bytes: usize,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self {
            connections: 1024,
            header_timeout: Duration::from_secs(15),
            answer_timeout: Duration::from_secs(30),
            header_bytes: 32 << 10,
        }
    }
}

impl ListenerLimits {
    /// The same for a process that may have so many files open. A connection takes up two while it fetches a file, and
    /// half of all are left for databases, workers and requests to Twilio.
    #[must_use]
    pub fn within(self, open_files: u64) -> Self {
        let room = usize::try_from(open_files / 4).unwrap_or(usize::MAX);
        Self { connections: self.connections.min(room).max(1), ..self }
    }
}

/// A listener that serves until it is told to stop.
#[derive(Debug)]
pub struct Listener {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Listener {
    /// Serves `router` on a bound socket.
    ///
    /// # Errors
    /// When the socket has no address.
    pub fn serve(socket: TcpListener, router: Router, limits: ListenerLimits) -> std::io::Result<Self> {
        let address = socket.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(accept(socket, router, limits, stopped));
        Ok(Self { address, stop, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no more connections, lets open requests come to their answers, and returns.
    pub async fn stop(self) {
        let _ = self.stop.send(true);
        let _ = self.task.await;
    }
}

async fn accept(
    socket: TcpListener,
    router: Router,
    limits: ListenerLimits,
    mut stopped: watch::Receiver<bool>,
) {
    let mut http = hyper::server::conn::http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(limits.header_timeout)
        .max_buf_size(limits.header_bytes)
        .max_header_size(limits.header_bytes)
        .keep_alive(true);
    let graceful = GracefulShutdown::new();
    let count = limits.connections.max(1);
    let places = Places::new(count);
    // The task of each place, or of whoever had it before.
    let mut tasks: Vec<Option<JoinHandle<()>>> = (0..count).map(|_| None).collect();
    loop {
        let stream = tokio::select! {
            accepted = socket.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of descriptors, most likely: connections that end make room.
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            _ = stopped.changed() => break,
        };
        let place = tokio::select! {
            place = place(&places, &mut tasks) => Arc::new(place),
            _ = stopped.changed() => break,
        };
        prepare(&stream, limits.answer_timeout);
        let (router, index) = (router.clone(), place.index());
        let service = service_fn(move |request| answer(router.clone(), Arc::clone(&place), request));
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tasks[index] = Some(tokio::spawn(async move {
            // A client that breaks off, or is too slow, is its own affair.
            let _ = connection.await;
        }));
    }
    drop(socket);
    // A client that does not read its answer must not keep the host from stopping.
    if tokio::time::timeout(STOP_WITHIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some clients did not take their answers in time");
    }
}

/// Tells the kernel how to treat a connection. One for which it does not take an option is served all the same.
fn prepare(stream: &TcpStream, answer_timeout: Duration) {
    let timeout = u32::try_from(answer_timeout.as_millis()).unwrap_or(u32::MAX);
    let _ = stream.set_nodelay(true);
    let _ = sockopt::set_socket_send_buffer_size(stream, SEND_BUFFER);
    // Also of what is sent after the host has closed: tcp(7).
    let _ = sockopt::set_tcp_user_timeout(stream, timeout);
}

/// A place for one more connection: a free one, or that of the connection that has waited longest.
async fn place(places: &Arc<Places>, tasks: &mut [Option<JoinHandle<()>>]) -> Place {
    loop {
        if let Some(place) = places.take() {
            return place;
        }
        match places.dismiss().and_then(|index| tasks[index].take()) {
            Some(task) => {
                task.abort();
                let _ = task.await;
            }
            None => places.changed().await,
        }
    }
}

/// Answers a request, and keeps account of whose turn it is meanwhile.
async fn answer(
    mut router: Router,
    place: Arc<Place>,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    if request.body().is_end_stream() && !place.begin_work() {
        return std::future::pending().await; // the connection is being closed
    }
    let request = request.map(|body| Body::new(Arriving { body, place: Arc::clone(&place) }));
    let response = router.call(request).await;
    place.end_work();
    response
}

/// A request's body, which says when it is there to the last byte.
struct Arriving {
    body: Incoming,
    place: Arc<Place>,
}

impl HttpBody for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let is_whole = frame.as_ref().is_none_or(|frame| frame.is_ok() && self.body.is_end_stream());
        if is_whole && !self.place.begin_work() {
            return Poll::Pending; // the connection is being closed
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_stay_far_below_what_may_be_open() {
        let within = |open_files| ListenerLimits::default().within(open_files).connections;
        assert_eq!(within(1 << 20), 1024);
        assert_eq!(within(u64::MAX), 1024);
        assert_eq!(within(1024), 256);
        assert_eq!(within(0), 1);
    }
}
