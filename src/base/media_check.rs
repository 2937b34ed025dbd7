//! What the host does about a medium before a message leaves.

/// How a message's medium is checked before the message leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MediaCheck {
    /// Not at all: nothing is asked of the medium's server.
    Off,
    /// A medium that WhatsApp would refuse is not sent; one that can't be looked at is sent, with a warning.
    #[default]
    Warn,
    /// A medium that can't be looked at is not sent either.
    Strict,
}
