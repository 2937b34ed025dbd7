//! Where a medium is, and whether the host may ask there.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Origin, Url};

use super::unprobed::Forbidden;

/// How far the probe may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Reach {
    /// Public addresses over https, and the two places that are the host's own.
    #[default]
    Public,
    /// Anything: for tests and development with media on the same computer. Where strangers choose URLs, they can
    /// then ask the host's neighbours.
    DangerousAnywhere,
}

/// Where a medium is, and whose word that is.
#[derive(Clone, PartialEq, Eq)]
pub struct MediaAddress {
    url: Url,
    /// The configured endpoint that the host itself put the URL together for.
    trusted_at: Option<Origin>,
}

impl MediaAddress {
    /// An address from a script: anybody's.
    #[must_use]
    pub fn given(url: Url) -> Self {
        Self { url, trusted_at: None }
    }

    /// An address that the host itself has put together, at an endpoint that an admin configured. It is trusted as far
    /// as it is there: the same scheme, host and port.
    #[must_use]
    pub fn at(url: Url, endpoint: &Url) -> Self {
        Self { url, trusted_at: Some(endpoint.origin()) }
    }

    /// The URL. A signed one is a secret.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }
}

/// Without path and query, which may be secrets.
impl fmt::Debug for MediaAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MediaAddress")
            .field("origin", &self.url.origin().ascii_serialization())
            .field("is_own", &self.trusted_at.is_some())
            .finish_non_exhaustive()
    }
}

/// How a permitted address is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Its name, if it has one, must resolve to public addresses only.
    Checked,
    /// Wherever it leads.
    Trusted,
}

/// The rules that need no network.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// The host's public URL.
    pub(super) own: Url,
    pub(super) reach: Reach,
    pub(super) is_public: fn(IpAddr) -> bool,
}

impl Guard {
    /// Whether and how an address may be asked.
    pub(super) fn way(&self, address: &MediaAddress) -> Result<Way, Forbidden> {
        let url = &address.url;
        let (true, Some(host)) = (matches!(url.scheme(), "https" | "http"), url.host()) else {
            return Err(Forbidden::Scheme);
        };
        if self.reach == Reach::DangerousAnywhere {
            return Ok(Way::Trusted);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Forbidden::Credentials);
        }
        if self.is_own(address) {
            return Ok(Way::Trusted);
        }
        if url.scheme() != "https" {
            return Err(Forbidden::Http);
        }
        // Below 1024 live the services of the system (mail, SSH, directories); media may be at 8443 and the like.
        let port = url.port_or_known_default().unwrap_or(0);
        if !matches!(port, 443 | 80 | 1024..) {
            return Err(Forbidden::Port(port));
        }
        let is_public = match host {
            Host::Ipv4(address) => (self.is_public)(IpAddr::V4(address)),
            Host::Ipv6(address) => (self.is_public)(IpAddr::V6(address)),
            Host::Domain(_) => true, // to be judged by what it resolves to
        };
        if is_public { Ok(Way::Checked) } else { Err(Forbidden::NotPublic) }
    }

    /// Whether the medium is the host's own; where everything may be asked, whether it is on this computer.
    pub(super) fn is_at_home(&self, address: &MediaAddress) -> bool {
        let url = &address.url;
        let is_here = || match url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        };
        self.is_own(address) || (self.reach == Reach::DangerousAnywhere && is_here())
    }

    fn is_own(&self, address: &MediaAddress) -> bool {
        address.trusted_at.as_ref() == Some(&address.url.origin()) || self.is_own_file(&address.url)
    }

    /// Whether it is below `/public/` of the host's own public URL. The URL's parser has resolved `..` and `%2e%2e`; an
    /// escaped slash it leaves alone, but a proxy in front of the host may not, so that one is a stranger's.
    fn is_own_file(&self, url: &Url) -> bool {
        let base = format!("{}/public/", self.own.path().trim_end_matches('/'));
        let path = url.path();
        let lower = path.to_ascii_lowercase();
        url.origin() == self.own.origin()
            && path.starts_with(&base)
            && !["%2f", "%5c", "%2e"].iter().any(|escaped| lower.contains(escaped))
    }
}
