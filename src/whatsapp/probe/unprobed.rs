//! Why a medium could not be looked at.

/// The code of a medium at which the host may not look.
pub const MEDIA_FORBIDDEN: &str = "MEDIA_FORBIDDEN";
/// The code of a medium that can't be had from where it is said to be.
pub const MEDIA_UNREACHABLE: &str = "MEDIA_UNREACHABLE";

/// Why a medium could not be looked at; the sentence is for the author. None holds the URL, whose query may be a
/// secret: a signed URL is the key to the object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unprobed {
    /// The host may not ask there.
    #[error("{0}")]
    Forbidden(Forbidden),
    /// There is no answer; why.
    #[error(
        "its server gives no answer that is of use ({0}), and Twilio may fare no better: open the URL from another network"
    )]
    Unreachable(String),
    /// The server answers with this status.
    #[error("its server answers with HTTP status {0}{hint}, and Twilio will hear the same: it must be 200", hint = hint(*.0))]
    HttpStatus(u16),
}

/// What forbids the host to ask.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    /// It is no web address.
    #[error("the URL is neither https nor http, so Twilio could not fetch it either")]
    Scheme,
    /// It is http, and not the host's own.
    #[error(
        "the URL is not https, and the host asks nothing over a connection that others can read and change: give an https URL"
    )]
    Http,
    /// It has a user name or a password.
    #[error(
        "the URL has a user name or a password in it, which the host gives to nobody: give a URL that needs none, such as a signed one"
    )]
    Credentials,
    /// It is at a port where no web server is expected.
    #[error("the URL is at port {0}, where the host asks for nothing: use 443, 80, or one from 1024 on")]
    Port(u16),
    /// It leads to an address that the internet at large can't reach.
    #[error(
        "the address is not public (loopback, a private network, a reserved range), so Twilio could not fetch it either: give a URL that everybody can reach"
    )]
    NotPublic,
    /// It redirects to a place that is forbidden.
    #[error("the URL redirects to another one, of which this holds: {0}")]
    Redirect(Box<Forbidden>),
}

impl Unprobed {
    /// The stable word for it, where a send is refused because of it: [`MEDIA_FORBIDDEN`] or [`MEDIA_UNREACHABLE`].
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Forbidden(_) => MEDIA_FORBIDDEN,
            Self::Unreachable(_) | Self::HttpStatus(_) => MEDIA_UNREACHABLE,
        }
    }

    /// The same, met behind a redirect.
    pub(super) fn redirected(self) -> Self {
        match self {
            Self::Forbidden(why) => Self::Forbidden(Forbidden::Redirect(Box::new(why))),
            other => other,
        }
    }
}

/// What a status often means here.
fn hint(status: u16) -> &'static str {
    match status {
        401 | 403 => " (it wants a login, or a signed URL has expired or is for something else)",
        404 | 410 => " (there is no such file)",
        405 | 501 => " (it does not answer GET)",
        416 => " (the file is empty)",
        _ => "",
    }
}
