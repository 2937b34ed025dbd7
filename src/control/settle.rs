//! Settling a message in doubt: what is the same through a running host and without one.

use crate::base::{Diagnostic, MessageId};
use crate::control::SettleOrder;
use crate::store::{Fate, Settled};

/// What an order says of the message.
#[must_use]
pub fn fate(order: &SettleOrder) -> Fate {
    order.sent.clone().map_or(Fate::NotSent, Fate::Sent)
}

/// Why a message was not settled; `None`: it was.
#[must_use]
pub fn refusal(id: MessageId, settled: &Settled) -> Option<Diagnostic> {
    Some(match settled {
        Settled::Done => return None,
        Settled::NoSuchMessage => {
            Diagnostic::error("NOT_FOUND", format!("there is no message with the id `{id}`"))
                .help("`messages list --status unknown` shows those in doubt with their ids")
        }
        Settled::NotInDoubt(status) => {
            let message = format!("the message is not in doubt: it is `{status}`");
            Diagnostic::error("NOT_IN_DOUBT", message)
                .help("`messages list --status unknown` shows those that are; others tell their own fate")
        }
        Settled::SidTaken(other) => {
            Diagnostic::error("SID_TAKEN", format!("the SID is that of another message, `{other}`"))
                .help("look for this message's own SID in Twilio's log")
        }
    })
}
