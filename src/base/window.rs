//! WhatsApp's 24-hour window: for so long after a person's last message a business may write freely. Outside of it only
//! templates are taken (63016).
//!
//! Source: <https://www.twilio.com/docs/whatsapp/key-concepts#conversational-messaging-on-whatsapp>.

use std::time::Duration;

use crate::base::UnixMillis;

/// The window that a person's message to a sender opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// When the person last wrote, by this host's clock.
    pub last_message_at: UnixMillis,
}

impl Window {
    /// How long it stays open.
    pub const LENGTH: Duration = Duration::from_hours(24);

    /// The first moment at which it is closed.
    #[must_use]
    pub fn closes_at(self) -> UnixMillis {
        self.last_message_at.plus(Self::LENGTH)
    }

    /// Whether the person may be written to freely.
    #[must_use]
    pub fn is_open(self, now: UnixMillis) -> bool {
        now < self.closes_at()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_open_for_a_day_to_the_millisecond() {
        let window = Window { last_message_at: UnixMillis(1000) };
        assert_eq!(window.closes_at(), UnixMillis(86_401_000));
        assert!(window.is_open(UnixMillis(1000)) && window.is_open(UnixMillis(86_400_999)));
        assert!(!window.is_open(UnixMillis(86_401_000)));
        assert!(window.is_open(UnixMillis(0)), "a clock that was set back closes nothing");
    }
}
