//! Finding the message of a send whose answer was lost in Twilio's log.
//!
//! Twilio has no key of ours on a message that could be asked for, so a message is known by where it went, where it
//! came from, and when. That is evidence, not identity; [`Doubt::judge`] says when it is enough.

use std::time::Duration;

use crate::base::{MessageSid, MessageStatus, PhoneNumber, UnixMillis};
use crate::whatsapp::{MessageFilter, MessageResource};

/// How much earlier by Twilio's clock than by ours a message may have been created. Twilio's dates have a precision
/// of a second besides.
const SKEW: Duration = Duration::from_secs(30);
/// How long after the request left Twilio may have created the message: a request lasts 15 s at most.
const LATEST: Duration = Duration::from_mins(1);
/// From how long before the send on Twilio's log is read. A message there that nobody knows speaks against the
/// conclusion that the send never arrived, also when the clocks disagree by more than [`SKEW`].
const BEFORE: Duration = Duration::from_hours(1);
/// The most messages to one recipient that are looked at.
const MOST: usize = 500;

/// A send whose outcome is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// The recipient.
    pub to: PhoneNumber,
    /// The sender as the ledger names it: `whatsapp:+1…`, or a messaging service (`MG…`).
    pub from: String,
    /// When it was first about to leave.
    pub created: UnixMillis,
    /// When the last request for it left, or its end was noted, whichever is known: what Twilio did not process is
    /// repeated for a while.
    pub last_tried: UnixMillis,
}

/// What Twilio's log says of a doubt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// This is the message.
    Found(Box<MessageResource>),
    /// Twilio's log has no message that could be it.
    Absent,
    /// It cannot be told.
    Undecided,
}

impl Doubt {
    /// What to ask Twilio for: everything to the recipient since some time before the send. Not by sender: a messaging
    /// service may not have chosen one yet.
    #[must_use]
    pub fn filter(&self) -> MessageFilter {
        let since = self.created.0.saturating_sub(i64::try_from(BEFORE.as_millis()).unwrap_or(i64::MAX));
        MessageFilter {
            to: Some(self.to.clone()),
            from: None,
            created_since: Some(UnixMillis(since)),
            limit: MOST,
        }
    }

    /// Judges what Twilio listed for [`Doubt::filter`].
    ///
    /// `rivals` are the other sends to this recipient from this account that have no sid, in doubt or still on their
    /// way; `is_known` says of a sid that it belongs to something else: to another message of the ledger, or to a
    /// notification that was not this message's (a callback of ours names the message in its URL).
    ///
    /// *Found* takes all of these: to the recipient and from the sender of this send; created between [`SKEW`] before
    /// the send and [`LATEST`] after the last request for it; a sid that nothing else is known to have; only one such
    /// message; and no rival that could claim it as well. What is left is that another program has sent to the same
    /// person from the same sender within that minute, and ours never arrived. Two sends in doubt to one person within
    /// a minute stay undecided although two messages are there: to the customer they may not be the same.
    ///
    /// *Absent* takes more than *not found*: in the whole list, from an hour before the send until now, there is no
    /// message that nobody knows and that may be from this sender, whatever its date. The list must be whole. Whether
    /// the message may still come is the caller's to judge, by its age.
    ///
    /// Everything else is undecided, and no action of the host follows from it.
    #[must_use]
    pub fn judge(
        &self,
        listed: &[MessageResource],
        rivals: &[Self],
        is_known: impl Fn(&MessageSid) -> bool,
    ) -> Finding {
        if listed.len() >= MOST {
            return Finding::Undecided; // the older ones are missing
        }
        let unknown: Vec<_> = listed.iter().filter(|one| self.may_be(one) && !is_known(&one.sid)).collect();
        if unknown.is_empty() {
            return Finding::Absent;
        }
        let mut candidates = unknown.into_iter().filter(|one| self.could_claim(one));
        match (candidates.next(), candidates.next()) {
            (Some(only), None) if !rivals.iter().any(|rival| rival.could_claim(only)) => {
                Finding::Found(Box::new(only.clone()))
            }
            _ => Finding::Undecided,
        }
    }

    /// Whether everything that is known of a message fits this send.
    fn could_claim(&self, one: &MessageResource) -> bool {
        let since = self.created.0.saturating_sub(i64::try_from(SKEW.as_millis()).unwrap_or(i64::MAX));
        let until = self.last_tried.max(self.created).plus(LATEST);
        self.may_be(one)
            && self.sender_of(one).is_some_and(|sender| sender == self.from)
            && one.date_created.is_some_and(|at| at.0 >= since && at <= until)
    }

    /// Whether nothing but the date speaks against a message's being this send's.
    fn may_be(&self, one: &MessageResource) -> bool {
        !matches!(one.status, MessageStatus::Received | MessageStatus::Receiving)
            && one.to.as_deref().is_none_or(|to| to == self.to.whatsapp())
            && self.sender_of(one).is_none_or(|sender| sender == self.from)
    }

    /// A message's sender in the terms of this send: by messaging service or by number.
    fn sender_of<'a>(&self, one: &'a MessageResource) -> Option<&'a str> {
        let by_service = self.from.starts_with("MG");
        if by_service { one.messaging_service_sid.as_deref() } else { one.from.as_deref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: UnixMillis = UnixMillis(1_800_000_000_000);
    const FROM: &str = "whatsapp:+14155238886";
    const SERVICE: &str = "MG00000000000000000000000000000001";

    fn number(text: &str) -> PhoneNumber {
        PhoneNumber::sender(text).unwrap()
    }

    fn doubt() -> Doubt {
        Doubt { to: number("+393331234567"), from: FROM.into(), created: SENT, last_tried: SENT }
    }

    fn sid(n: u32) -> MessageSid {
        MessageSid::parse(&format!("SM{n:032x}")).unwrap()
    }

    /// A message to the recipient of [`doubt`], so many seconds after the send.
    fn listed(n: u32, seconds: i64) -> MessageResource {
        MessageResource {
            sid: sid(n),
            status: MessageStatus::Sent,
            to: Some("whatsapp:+393331234567".into()),
            from: Some(FROM.into()),
            messaging_service_sid: None,
            body: None,
            error_code: None,
            error_message: None,
            date_created: Some(UnixMillis(SENT.0 + seconds * 1000)),
            date_sent: None,
            date_updated: None,
            price: None,
            price_unit: None,
        }
    }

    fn found(finding: &Finding) -> Option<&MessageSid> {
        match finding {
            Finding::Found(one) => Some(&one.sid),
            _ => None,
        }
    }

    fn judge(doubt: &Doubt, listed: &[MessageResource], rivals: &[Doubt]) -> Finding {
        doubt.judge(listed, rivals, |known| *known == sid(99))
    }

    #[test]
    fn the_one_message_that_fits_is_it() {
        for seconds in [-30, -1, 0, 60] {
            let list = [listed(99, 1), listed(1, seconds), listed(2, 3600)];
            assert_eq!(found(&judge(&doubt(), &list, &[])), Some(&sid(1)), "{seconds}");
        }
    }

    #[test]
    fn what_is_out_of_its_time_is_not_it_and_no_proof_of_absence_either() {
        for seconds in [-3600, -31, 61, 7200] {
            assert_eq!(judge(&doubt(), &[listed(1, seconds)], &[]), Finding::Undecided, "{seconds}");
        }
        let undated = MessageResource { date_created: None, ..listed(1, 0) };
        assert_eq!(judge(&doubt(), &[undated], &[]), Finding::Undecided);
    }

    #[test]
    fn a_send_that_was_repeated_may_be_as_late_as_its_last_request() {
        let patient = Doubt { last_tried: SENT.plus(Duration::from_mins(5)), ..doubt() };
        assert_eq!(found(&judge(&patient, &[listed(1, 350)], &[])), Some(&sid(1)));
        assert_eq!(judge(&patient, &[listed(1, 361)], &[]), Finding::Undecided);
    }

    #[test]
    fn of_several_none_is_chosen() {
        assert_eq!(judge(&doubt(), &[listed(1, 0), listed(2, 1)], &[]), Finding::Undecided);
    }

    #[test]
    fn a_message_that_another_doubt_could_claim_is_nobodys() {
        let rival = Doubt { created: SENT.plus(Duration::from_secs(20)), ..doubt() };
        let list = [listed(1, 2)];
        assert_eq!(judge(&doubt(), &list, std::slice::from_ref(&rival)), Finding::Undecided);
        let later = Doubt { created: SENT.plus(Duration::from_mins(2)), ..doubt() };
        assert_eq!(found(&judge(&doubt(), &list, &[later])), Some(&sid(1)));
        let other_sender = Doubt { from: SERVICE.into(), ..rival };
        assert_eq!(found(&judge(&doubt(), &list, &[other_sender])), Some(&sid(1)));
    }

    #[test]
    fn only_a_whole_list_without_anything_unknown_shows_an_absence() {
        assert_eq!(judge(&doubt(), &[], &[]), Finding::Absent);
        assert_eq!(judge(&doubt(), &[listed(99, 0)], &[]), Finding::Absent);
        let others = MessageResource { from: Some("whatsapp:+15550001111".into()), ..listed(1, 0) };
        let incoming = MessageResource { status: MessageStatus::Received, ..listed(2, 0) };
        let elsewhere = MessageResource { to: Some("whatsapp:+390612345678".into()), ..listed(3, 0) };
        assert_eq!(judge(&doubt(), &[others, incoming, elsewhere], &[]), Finding::Absent);
        let unnamed = MessageResource { from: None, ..listed(1, 0) };
        assert_eq!(judge(&doubt(), &[unnamed], &[]), Finding::Undecided);
        let endless: Vec<_> = (0..500).map(|_| listed(99, 0)).collect();
        assert_eq!(judge(&doubt(), &endless, &[]), Finding::Undecided);
    }

    #[test]
    fn a_messaging_service_is_known_by_its_id_whatever_sender_it_chose() {
        let by_service = Doubt { from: SERVICE.into(), ..doubt() };
        let own = MessageResource { messaging_service_sid: Some(SERVICE.into()), from: None, ..listed(1, 0) };
        assert_eq!(found(&judge(&by_service, &[own], &[])), Some(&sid(1)));
        let anothers = MessageResource { messaging_service_sid: Some("MG2".into()), ..listed(1, 0) };
        assert_eq!(judge(&by_service, &[anothers], &[]), Finding::Absent);
        assert_eq!(judge(&by_service, &[listed(1, 0)], &[]), Finding::Undecided, "without a service's name");
    }

    #[test]
    fn the_list_begins_an_hour_before_the_send() {
        let filter = doubt().filter();
        assert_eq!(filter.created_since, Some(UnixMillis(SENT.0 - 3_600_000)));
        assert_eq!((filter.from, filter.to), (None, Some(number("+393331234567"))));
    }
}
