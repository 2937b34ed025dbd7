//! What Twilio will find at a medium's URL: its type and size, learnt from one byte of it.
//!
//! A script, or whoever writes to it, chooses the URL, and the host stands where strangers don't: beside databases,
//! metadata services and admin pages. So that the question can't be aimed at those (server-side request forgery):
//!
//! 1. `address` judges the URL as the standard normalises it, where `0x7f.1` and `[::ffff:127.0.0.1]` are what they
//!    are: https only, no credentials, no port of a well-known other service, no literal address that isn't public.
//! 2. A name is resolved once for each connection, by the very call that connects: all answers must be public
//!    (`global`), and exactly those are connected to. No connection is kept, so none is used for another question.
//! 3. Redirects are followed by hand, three at most, and each target goes through the same gate.
//! 4. The answer's head is read within limits of time and size, the body not at all; no proxy is taken from the
//!    environment, no cookie kept, no referrer told.
//!
//! Two places are trusted without being public: files below the host's own `/public/`, and URLs that the host itself
//! signed, at the endpoint that an admin configured. A redirect away from them is a stranger's again.
//!
//! The question is `GET` with `Range: bytes=0-0` and not `HEAD`: a signed URL answers both, but more servers tell the
//! size of a range than answer `HEAD` well.

mod address;
mod global;
mod resolver;
mod unprobed;

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use reqwest::header::{
    ACCEPT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, LOCATION, RANGE,
};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use url::Url;

use self::address::{Guard, Way};
use self::resolver::{Gate, NotPublic};

pub use self::address::{MediaAddress, Reach};
pub use self::global::is_global;
pub use self::resolver::{Resolver, Resolving, SystemResolver};
pub use self::unprobed::{Forbidden, MEDIA_FORBIDDEN, MEDIA_UNREACHABLE, Unprobed};

/// How long making a connection may take, names included.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long everything may take, redirects included.
pub const TIMEOUT: Duration = Duration::from_secs(5);
/// The most redirects that are followed.
pub const MAX_REDIRECTS: usize = 3;
/// The most headers of an answer. Their bytes are limited by the HTTP library, to some 400 KiB.
const MAX_HEADERS: usize = 64;
/// The longest `Content-Type` that is handed on, in bytes.
const MAX_CONTENT_TYPE: usize = 256;

/// What a medium's server says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its `Content-Type`, as given; absent where there is none.
    pub content_type: Option<String>,
    /// Its size in bytes; absent where the server doesn't tell.
    pub size: Option<u64>,
}

/// Looks at media before they are sent. Cheap to clone, and to make: what connects is set up at the first look, because
/// that takes milliseconds, which a host that sends no media need not spend at its start.
#[derive(Clone)]
pub struct MediaProbe {
    guard: Arc<Guard>,
    resolver: Arc<dyn Resolver>,
    clients: Arc<Clients>,
    limits: Limits,
}

/// What connects, or why it can't be set up.
#[derive(Default)]
struct Clients {
    /// To public addresses only.
    checked: OnceLock<Result<Client, String>>,
    /// To what the guard trusts.
    trusted: OnceLock<Result<Client, String>>,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    connect: Duration,
    whole: Duration,
}

impl MediaProbe {
    /// A probe that resolves names as this computer does. `own_public_url` is the host's, without `/public`.
    ///
    /// # Errors
    /// When the public URL is none; the sentence says why.
    pub fn new(own_public_url: &str, reach: Reach) -> Result<Self, String> {
        Self::with_resolver(own_public_url, reach, SystemResolver)
    }

    /// The same probe for another host, with the same connections.
    ///
    /// # Errors
    /// As [`MediaProbe::new`].
    pub fn of_host(&self, own_public_url: &str) -> Result<Self, String> {
        let own =
            Url::parse(own_public_url).map_err(|error| format!("the public URL can't be read: {error}"))?;
        Ok(Self { guard: Arc::new(Guard { own, ..Guard::clone(&self.guard) }), ..self.clone() })
    }

    /// A probe that asks `resolver` for the addresses of names; what it answers is judged all the same.
    ///
    /// # Errors
    /// As [`MediaProbe::new`].
    pub fn with_resolver(
        own_public_url: &str,
        reach: Reach,
        resolver: impl Resolver,
    ) -> Result<Self, String> {
        let limits = Limits { connect: CONNECT_TIMEOUT, whole: TIMEOUT };
        Self::build(own_public_url, reach, resolver, limits, is_global)
    }

    /// Private, because `is_public` is the guard itself.
    fn build(
        own_public_url: &str,
        reach: Reach,
        resolver: impl Resolver,
        limits: Limits,
        is_public: fn(IpAddr) -> bool,
    ) -> Result<Self, String> {
        let own =
            Url::parse(own_public_url).map_err(|error| format!("the public URL can't be read: {error}"))?;
        let guard = Arc::new(Guard { own, reach, is_public });
        Ok(Self { guard, resolver: Arc::new(resolver), clients: Arc::default(), limits })
    }

    /// What connects to addresses of this kind.
    fn client(&self, way: Way) -> Result<&Client, Unprobed> {
        let (client, is_admitted): (_, fn(IpAddr) -> bool) = match way {
            Way::Checked => (&self.clients.checked, self.guard.is_public),
            Way::Trusted => (&self.clients.trusted, |_| true),
        };
        let client = client.get_or_init(|| self.connect_by(is_admitted));
        client.as_ref().map_err(|why| Unprobed::Unreachable(why.clone()))
    }

    fn connect_by(&self, is_admitted: fn(IpAddr) -> bool) -> Result<Client, String> {
        let Limits { connect, whole } = self.limits;
        Client::builder()
            .connect_timeout(connect)
            .timeout(whole)
            .dns_resolver(Gate { resolver: Arc::clone(&self.resolver), is_admitted, limit: connect })
            .pool_max_idle_per_host(0)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .http1_only()
            .http1_max_headers(MAX_HEADERS)
            .user_agent(concat!("boatswain/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("the HTTP client for media can't be set up: {error}"))
    }

    /// Whether a medium is the host's own, below its public URL or behind a URL that it has signed; where everything may
    /// be asked, also any other on this computer.
    #[must_use]
    pub fn is_at_home(&self, address: &MediaAddress) -> bool {
        self.guard.is_at_home(address)
    }

    /// Whether the host may ask there, as far as the URL itself tells. A name is judged when it is resolved.
    ///
    /// # Errors
    /// [`Forbidden`] says why not.
    pub fn admits(&self, address: &MediaAddress) -> Result<(), Forbidden> {
        self.guard.way(address).map(drop)
    }

    /// Asks a medium's server for its first byte and tells what it says of the whole.
    ///
    /// # Errors
    /// [`Unprobed`]; no sentence of it holds the URL.
    pub async fn look(&self, address: &MediaAddress) -> Result<Seen, Unprobed> {
        match tokio::time::timeout(self.limits.whole, self.follow(address)).await {
            Ok(looked) => looked,
            Err(_) => Err(self.too_slow()),
        }
    }

    async fn follow(&self, address: &MediaAddress) -> Result<Seen, Unprobed> {
        let mut response = self.ask(address).await?;
        let mut url = address.url().clone();
        for _ in 0..MAX_REDIRECTS {
            let Some(target) = redirect(&response, &url)? else { return seen(&response) };
            url = target;
            // Whatever sent us here, it is a stranger's address now.
            response = self.ask(&MediaAddress::given(url.clone())).await.map_err(Unprobed::redirected)?;
        }
        match redirect(&response, &url)? {
            None => seen(&response),
            Some(_) => Err(Unprobed::Unreachable(format!("more than {MAX_REDIRECTS} redirects"))),
        }
    }

    /// One question. The answer's body is not read; dropping the answer closes the connection.
    async fn ask(&self, address: &MediaAddress) -> Result<Response, Unprobed> {
        let request = self.request(Method::GET, address)?;
        let request = request.header(RANGE, "bytes=0-0").header(ACCEPT_ENCODING, "identity");
        request.send().await.map_err(|error| self.unprobed(&error))
    }

    /// A request that connects only where the guard lets it.
    ///
    /// # Errors
    /// [`Unprobed::Forbidden`], of all that shows before a name is resolved.
    pub(super) fn request(&self, method: Method, address: &MediaAddress) -> Result<RequestBuilder, Unprobed> {
        let client = self.client(self.guard.way(address).map_err(Unprobed::Forbidden)?)?;
        Ok(client.request(method, address.url().clone()))
    }

    /// What an error of such a request means.
    pub(super) fn unprobed(&self, error: &reqwest::Error) -> Unprobed {
        let mut cause: &dyn Error = error;
        loop {
            if cause.is::<NotPublic>() {
                return Unprobed::Forbidden(Forbidden::NotPublic);
            }
            match cause.source() {
                Some(source) => cause = source,
                None => break,
            }
        }
        if error.is_timeout() {
            return if error.is_connect() {
                Unprobed::Unreachable(format!("no connection within {:?}", self.limits.connect))
            } else {
                self.too_slow()
            };
        }
        // The innermost cause: the outer ones of this library may name the URL.
        let what = if error.is_connect() { "no connection" } else { "not an answer of HTTP" };
        let why: String = cause.to_string().chars().filter(|c| !c.is_control()).take(200).collect();
        let says_more = !std::ptr::addr_eq(cause, std::ptr::from_ref(error));
        Unprobed::Unreachable(if says_more { format!("{what}: {why}") } else { what.to_owned() })
    }

    fn too_slow(&self) -> Unprobed {
        Unprobed::Unreachable(format!("no answer within {:?}", self.limits.whole))
    }
}

impl fmt::Debug for MediaProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaProbe").field("guard", &self.guard).finish_non_exhaustive()
    }
}

/// Where an answer redirects to, if it does.
pub(super) fn redirect(response: &Response, from: &Url) -> Result<Option<Url>, Unprobed> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return Ok(None);
    }
    let Some(location) = response.headers().get(LOCATION) else { return Ok(None) };
    let target = location.to_str().ok().and_then(|text| from.join(text).ok());
    target.map(Some).ok_or_else(|| Unprobed::Unreachable("a redirect to something that is no URL".to_owned()))
}

fn seen(response: &Response) -> Result<Seen, Unprobed> {
    let headers = response.headers();
    let size = match response.status() {
        StatusCode::OK => text(headers, CONTENT_LENGTH).and_then(|length| length.parse().ok()),
        StatusCode::PARTIAL_CONTENT => text(headers, CONTENT_RANGE).and_then(whole_size),
        status => return Err(Unprobed::HttpStatus(status.as_u16())),
    };
    let content_type = text(headers, CONTENT_TYPE).filter(|text| text.len() <= MAX_CONTENT_TYPE);
    Ok(Seen { content_type: content_type.map(str::to_owned), size })
}

fn text(headers: &HeaderMap, name: reqwest::header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The size of the whole in `bytes 0-0/12345`; a server may say `*`.
fn whole_size(range: &str) -> Option<u64> {
    let (unit, range) = range.split_once(' ')?;
    let (_, size) = range.rsplit_once('/')?;
    if unit.eq_ignore_ascii_case("bytes") { size.trim().parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
