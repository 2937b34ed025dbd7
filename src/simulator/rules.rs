//! What WhatsApp and Twilio's sandbox allow: who has joined, who has written lately, who wants no messages, how fast a
//! sender may be.
//!
//! Source: <https://www.twilio.com/docs/whatsapp/sandbox>, <https://www.twilio.com/docs/whatsapp/key-concepts>. Where a rule is broken, Twilio takes the message first and reports the
//! failure afterwards; a recipient who has written STOP is refused at once.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use super::address::Address;
use super::content::Content;
use super::store::Message;
use crate::base::UnixMillis;
use crate::whatsapp::MessageStatus;
use crate::whatsapp::consent::Consent;

pub use crate::config::Rules;

/// What somebody writes to the sandbox to join it: `join boatswain`.
pub const JOIN_CODE: &str = "boatswain";

/// How long a phone stays in the sandbox.
const JOINED_FOR: Duration = Duration::from_hours(72);
/// How long after somebody has written anything may be sent.
const WINDOW: Duration = Duration::from_hours(24);

impl Rules {
    /// So many messages in so long, for a sender.
    fn pace(self) -> Option<(usize, Duration)> {
        match self {
            Self::Open => None,
            Self::Sandbox => Some((1, Duration::from_secs(3))),
            Self::Production => Some((80, Duration::from_secs(1))),
        }
    }
}

/// Who has written what to whom, and who has sent how much. It is kept under all rules, so that others can be chosen
/// at any time.
#[derive(Debug, Default)]
pub(super) struct Conversations {
    joined: HashMap<Address, UnixMillis>,
    /// When a phone last wrote to a sender.
    written: HashMap<(Address, Address), UnixMillis>,
    /// Phones that want no messages of a sender.
    stopped: HashSet<(Address, Address)>,
    /// When a sender sent its last messages, as many as its pace asks for.
    sent: HashMap<Address, VecDeque<UnixMillis>>,
}

impl Conversations {
    /// Somebody writes to a sender; tells whether that joins the sandbox.
    pub(super) fn incoming(
        &mut self,
        phone: &Address,
        sender: &Address,
        body: &str,
        now: UnixMillis,
    ) -> bool {
        let mut words = body.split_whitespace();
        let joins = words.next().is_some_and(|word| word.eq_ignore_ascii_case("join"))
            && words.next().is_some_and(|word| word.eq_ignore_ascii_case(JOIN_CODE));
        let pair = (phone.clone(), sender.clone());
        if joins {
            self.joined.insert(phone.clone(), now);
            self.stopped.remove(&pair);
        }
        match Consent::of(body) {
            None => {}
            Some(Consent::OptOut) => {
                self.joined.remove(phone);
                self.stopped.insert(pair.clone());
            }
            Some(Consent::OptIn) => {
                self.stopped.remove(&pair);
            }
        }
        self.written.insert(pair, now);
        joins
    }

    /// Whether a message is refused when it is created because the recipient has written STOP to the sender: by a sender
    /// of one's own. From the sandbox, STOP is the way out, so messages fail there as those to a phone that has not joined
    /// do. Under open rules nobody but the host keeps count.
    pub(super) fn refuses(&self, rules: Rules, sender: &Address, phone: &Address) -> bool {
        rules == Rules::Production && self.stopped.contains(&(phone.clone(), sender.clone()))
    }

    /// Why a message that is being sent will fail, by the rules or because of its template; counts it as sent otherwise.
    pub(super) fn broken(
        &mut self,
        rules: Rules,
        message: &Message,
        content: Option<&Content>,
        now: UnixMillis,
    ) -> Option<(MessageStatus, i64)> {
        let sender = message.from.as_ref().or(message.chosen.as_ref())?;
        let between = (sender, &message.to);
        let broken = self.judge(rules, between, content.is_some_and(Content::is_approved), now);
        let is_in_window = self.has_window(between, now);
        broken.or_else(|| content?.failure(is_in_window).map(|code| (MessageStatus::Failed, code)))
    }

    /// Why a message that is being sent will fail, if a rule forbids it; counts it as sent otherwise.
    fn judge(
        &mut self,
        rules: Rules,
        (sender, phone): (&Address, &Address),
        is_template: bool,
        now: UnixMillis,
    ) -> Option<(MessageStatus, i64)> {
        let (messages, span) = rules.pace()?;
        let is_within = |then: Option<&UnixMillis>, span| then.is_some_and(|then| now.since(*then) < span);
        if rules == Rules::Sandbox && !is_within(self.joined.get(phone), JOINED_FOR) {
            return Some((MessageStatus::Failed, 63015));
        }
        let last = self.sent.entry(sender.clone()).or_default();
        if last.len() >= messages && is_within(last.front(), span) {
            return Some((MessageStatus::Failed, 63018));
        }
        last.push_back(now);
        while last.len() > messages {
            last.pop_front();
        }
        if !is_template && !self.has_window((sender, phone), now) {
            return Some((MessageStatus::Undelivered, 63016));
        }
        None
    }

    /// Whether somebody has written to a sender lately.
    pub(super) fn has_window(&self, (sender, phone): (&Address, &Address), now: UnixMillis) -> bool {
        let written = self.written.get(&(phone.clone(), sender.clone()));
        written.is_some_and(|written| now.since(*written) < WINDOW)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000_000_000);

    fn sender() -> Address {
        Address::parse("whatsapp:+14155238886").unwrap()
    }

    fn phone() -> Address {
        Address::parse("whatsapp:+393331234567").unwrap()
    }

    fn code(conversations: &mut Conversations, rules: Rules, is_template: bool, seconds: u64) -> Option<i64> {
        let now = NOW.plus(Duration::from_secs(seconds));
        conversations.judge(rules, (&sender(), &phone()), is_template, now).map(|(_, code)| code)
    }

    #[test]
    fn open_rules_forbid_nothing() {
        let mut conversations = Conversations::default();
        for _ in 0..200 {
            assert_eq!(code(&mut conversations, Rules::Open, false, 0), None);
        }
    }

    #[test]
    fn the_sandbox_wants_to_be_joined_every_three_days() {
        let mut conversations = Conversations::default();
        assert_eq!(code(&mut conversations, Rules::Sandbox, true, 0), Some(63015));
        conversations.incoming(&phone(), &sender(), "hello", NOW);
        assert_eq!(code(&mut conversations, Rules::Sandbox, true, 0), Some(63015));
        conversations.incoming(&phone(), &sender(), "Join  BOATSWAIN", NOW);
        assert_eq!(code(&mut conversations, Rules::Sandbox, true, 0), None);
        assert_eq!(code(&mut conversations, Rules::Sandbox, true, 72 * 3600 - 1), None);
        assert_eq!(code(&mut conversations, Rules::Sandbox, true, 72 * 3600), Some(63015));
    }

    #[test]
    fn the_sandbox_sends_one_message_in_three_seconds() {
        let mut conversations = Conversations::default();
        conversations.incoming(&phone(), &sender(), "join boatswain", NOW);
        assert_eq!(code(&mut conversations, Rules::Sandbox, false, 0), None);
        assert_eq!(code(&mut conversations, Rules::Sandbox, false, 2), Some(63018));
        assert_eq!(code(&mut conversations, Rules::Sandbox, false, 3), None);
    }

    #[test]
    fn production_sends_eighty_messages_a_second() {
        let mut conversations = Conversations::default();
        conversations.incoming(&phone(), &sender(), "hello", NOW);
        for _ in 0..80 {
            assert_eq!(code(&mut conversations, Rules::Production, false, 0), None);
        }
        assert_eq!(code(&mut conversations, Rules::Production, false, 0), Some(63018));
        assert_eq!(code(&mut conversations, Rules::Production, false, 1), None);
    }

    #[test]
    fn after_24_hours_only_a_template_may_be_sent() {
        for rules in [Rules::Sandbox, Rules::Production] {
            let mut conversations = Conversations::default();
            conversations.incoming(&phone(), &sender(), "join boatswain", NOW);
            assert_eq!(code(&mut conversations, rules, false, 24 * 3600 - 1), None);
            assert_eq!(code(&mut conversations, rules, false, 24 * 3600 + 2), Some(63016), "{rules:?}");
            assert_eq!(code(&mut conversations, rules, true, 24 * 3600 + 5), None);
        }
    }

    #[test]
    fn stop_is_heard_by_a_sender_of_ones_own_and_leaves_the_sandbox() {
        let mut conversations = Conversations::default();
        let refused =
            |conversations: &Conversations, rules| conversations.refuses(rules, &sender(), &phone());
        assert!(conversations.incoming(&phone(), &sender(), "join boatswain", NOW));
        assert!(!conversations.incoming(&phone(), &sender(), "Stop.", NOW));
        assert!(refused(&conversations, Rules::Production));
        assert!(!refused(&conversations, Rules::Sandbox) && !refused(&conversations, Rules::Open));
        assert!(!conversations.refuses(Rules::Production, &phone(), &sender()), "of this sender only");
        assert_eq!(code(&mut conversations, Rules::Sandbox, false, 0), Some(63015));
        conversations.incoming(&phone(), &sender(), "start", NOW);
        assert!(!refused(&conversations, Rules::Production));
        assert_eq!(code(&mut conversations, Rules::Sandbox, false, 0), Some(63015), "START is no join");
        assert!(conversations.incoming(&phone(), &sender(), "join boatswain", NOW));
        assert_eq!(code(&mut conversations, Rules::Sandbox, false, 0), None);
    }
}
