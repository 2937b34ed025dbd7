//! An accept loop with limits of its own.
//!
//! `axum::serve` sets no header-read timeout, so that one slow client could hold a socket for ever. Here a connection
//! has limited time for its headers (and between requests), limited space for them, and their number is bounded: what
//! comes on top waits in the kernel's queue.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// How long open requests have to come to their answers when the listener stops.
const STOP_WITHIN: Duration = Duration::from_secs(10);

/// What a connection may take.
#[derive(Debug, Clone, Copy)]
pub struct ListenerLimits {
    /// Connections at once.
    pub connections: usize,
    /// Time for the headers of a request, and for an idle connection.
    pub header_timeout: Duration,
    /// Space for the headers of a request, in bytes.
    pub header_bytes: usize,
}

impl Default for ListenerLimits {
    fn default() -> Self {
        Self { connections: 1024, header_timeout: Duration::from_secs(15), header_bytes: 32 << 10 }
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
        .keep_alive(true);
    let graceful = GracefulShutdown::new();
    let room = Arc::new(Semaphore::new(limits.connections));
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&room).acquire_owned() => permit,
            _ = stopped.changed() => break,
        };
        let Ok(permit) = permit else { break };
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
        let _ = stream.set_nodelay(true);
        let service = TowerToHyperService::new(router.clone());
        let connection = graceful.watch(http.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A client that breaks off, or is too slow, is its own affair.
            let _ = connection.await;
            drop(permit);
        });
    }
    drop(socket);
    // A client that does not read its answer must not keep the host from stopping.
    if tokio::time::timeout(STOP_WITHIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("some clients did not take their answers in time");
    }
}
