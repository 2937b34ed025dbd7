//! Names into addresses, with the gate that lets only public ones through.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving as ReqwestResolving};

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// The answer to come: a name's addresses.
pub type Resolving = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Who knows the addresses of names.
pub trait Resolver: Send + Sync + 'static {
    /// Asks for the addresses of a name.
    fn resolve(&self, name: &str) -> Resolving;
}

impl<R: Resolver + ?Sized> Resolver for Arc<R> {
    fn resolve(&self, name: &str) -> Resolving {
        self.as_ref().resolve(name)
    }
}

/// This computer's own resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, name: &str) -> Resolving {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// One of a name's addresses is not public. Found again in the error of a failed connection.
#[derive(Debug, thiserror::Error)]
#[error("an address that is not public")]
pub(super) struct NotPublic;

/// What the HTTP client resolves with: what passes here is what is connected to, there is no second look-up.
pub(super) struct Gate {
    pub(super) resolver: Arc<dyn Resolver>,
    pub(super) is_admitted: fn(IpAddr) -> bool,
    pub(super) limit: Duration,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").finish_non_exhaustive()
    }
}

impl Resolve for Gate {
    fn resolve(&self, name: Name) -> ReqwestResolving {
        let (answers, is_admitted, limit) =
            (self.resolver.resolve(name.as_str()), self.is_admitted, self.limit);
        Box::pin(async move {
            let slow = || io::Error::new(io::ErrorKind::TimedOut, "the name's address is not found in time");
            let answers = tokio::time::timeout(limit, answers).await.map_err(|_| slow())??;
            if answers.is_empty() {
                return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address").into());
            }
            // One bad answer among good ones is an attempt, or a mistake that would show now and then only.
            if !answers.iter().all(|address| is_admitted(*address)) {
                return Err(NotPublic.into());
            }
            // Port 0: the URL's.
            let found = answers.into_iter().take(MAX_ADDRESSES).map(|address| SocketAddr::new(address, 0));
            Ok(Box::new(found) as Addrs)
        })
    }
}
