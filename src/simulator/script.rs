//! What becomes of a message, and which recipients it was given to.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::settings::Timings;
use crate::whatsapp::MessageStatus;

/// What becomes of a message, or of reading one. As JSON:
///
/// ```json
/// {"refuse":{"code":20429,"retry_after":2}}
/// {"break":{"answer":"hang"}}
/// {"play":{"steps":[{"after_ms":50,"status":"sent"}],"answer":"created","answer_after_ms":0}}
/// {"reads":{"refuse":{"code":20429}}}
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Script {
    /// It is refused when it is created.
    Refuse {
        /// Twilio's code, which also chooses the HTTP status.
        code: i64,
        /// `Retry-After`, in seconds; no such header where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
    },
    /// It is not taken: this is the answer, and nothing is known of it afterwards.
    Break {
        /// What is answered.
        answer: Answer,
    },
    /// It is taken, and these things happen to it.
    Play {
        /// One after another; none at all is silence.
        steps: Vec<Step>,
        /// What is answered to the request.
        #[serde(default)]
        answer: Answer,
        /// The answer waits so many milliseconds, and for the callbacks of the steps until then. 0: it waits for
        /// nothing.
        #[serde(default)]
        answer_after_ms: u64,
    },
    /// Messages are taken as ever, but reading them ends like this: one of the recipient's messages, or the list that
    /// is asked for by the recipient's number.
    Reads(Fault),
}

/// What becomes of a request that ends badly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// It is refused.
    Refuse {
        /// Twilio's code, which also chooses the HTTP status.
        code: i64,
        /// `Retry-After`, in seconds; no such header where absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry_after: Option<u32>,
    },
    /// Its answer is broken.
    Break {
        /// How.
        answer: Answer,
    },
}

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// As Twilio answers.
    #[default]
    Created,
    /// HTTP 500.
    ServerError,
    /// Not at all: the connection stays open, and silent.
    Hang,
    /// Not at all: the connection is reset (TCP RST).
    Reset,
    /// With JSON that breaks off, and a `Content-Length` that says so.
    Truncated,
    /// HTTP 200 with a web page, as something between Twilio and the host may.
    Html,
}

/// One thing that happens to a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// When, in milliseconds after the message was created. A step that comes after a later one in the list happens
    /// right after it.
    pub after_ms: u64,
    /// The status it reports. The message's own status never goes backwards.
    pub status: MessageStatus,
    /// Why, if it failed.
    #[serde(default)]
    pub error_code: Option<i64>,
    /// How many times its callback is sent.
    #[serde(default = "once")]
    pub callbacks: u8,
}

fn once() -> u8 {
    1
}

impl Step {
    /// A step with one callback and no error.
    #[must_use]
    pub fn new(after: Duration, status: MessageStatus) -> Self {
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        Self { after_ms, status, error_code: None, callbacks: 1 }
    }

    /// What usually happens to a message.
    pub(super) fn usual(timings: &Timings) -> Vec<Self> {
        vec![
            Self::new(timings.sent, MessageStatus::Sent),
            Self::new(timings.delivered, MessageStatus::Delivered),
            Self::new(timings.read, MessageStatus::Read),
        ]
    }

    /// The steps of a message that fails.
    pub(super) fn failure(timings: &Timings, status: &MessageStatus, code: i64) -> Vec<Self> {
        let end = |after| Self { error_code: Some(code), ..Self::new(after, status.clone()) };
        match status {
            // WhatsApp had it and gave up.
            MessageStatus::Undelivered => {
                vec![Self::new(timings.sent, MessageStatus::Sent), end(timings.delivered)]
            }
            _ => vec![end(timings.sent)],
        }
    }
}

impl Script {
    /// What usually becomes of a message.
    #[must_use]
    pub fn usual(timings: &Timings) -> Self {
        Self::play(Step::usual(timings))
    }

    /// These steps, and an answer that arrives at once.
    #[must_use]
    pub fn play(steps: Vec<Step>) -> Self {
        Self::answered(steps, Answer::Created)
    }

    /// These steps, and an answer of this kind.
    #[must_use]
    pub fn answered(steps: Vec<Step>, answer: Answer) -> Self {
        Self::Play { steps, answer, answer_after_ms: 0 }
    }

    /// A message that fails.
    #[must_use]
    pub fn fails(timings: &Timings, status: &MessageStatus, code: i64) -> Self {
        Self::play(Step::failure(timings, status, code))
    }

    /// What the number of a recipient asks for, if it is one of those in the table of [`super`].
    #[must_use]
    pub fn of_recipient(to: &Address, timings: &Timings) -> Option<Self> {
        let digits = to.number().strip_prefix("+39399").filter(|digits| digits.len() == 7)?;
        let (what, number) = digits.split_at(2);
        let number: u32 = number.parse().ok()?;
        let code = i64::from(number);
        let usual = || Step::usual(timings);
        let changed = |change: &dyn Fn(&mut Step)| {
            let mut steps = usual();
            steps.iter_mut().for_each(change);
            Self::play(steps)
        };
        Some(match what {
            "01" => Self::Refuse { code, retry_after: None },
            "02" => Self::fails(timings, &MessageStatus::Undelivered, code),
            "03" => Self::fails(timings, &MessageStatus::Failed, code),
            "04" => Self::play(Vec::new()),
            "05" => changed(&|step| step.after_ms += u64::from(number)),
            "06" => changed(&|step| step.callbacks = 2),
            "07" => {
                Self::play(usual().into_iter().filter(|step| step.status != MessageStatus::Read).collect())
            }
            "08" => Self::play(usual().into_iter().rev().collect()),
            "09" => Self::answered(usual(), Answer::ServerError),
            "10" => Self::Refuse { code: 20429, retry_after: Some(number).filter(|seconds| *seconds > 0) },
            "11" => {
                let mut steps = usual();
                steps.iter_mut().take(1).for_each(|step| step.after_ms = 0);
                Self::Play { steps, answer: Answer::Created, answer_after_ms: 1 }
            }
            "12" => Self::Break { answer: Answer::ServerError },
            "13" => Self::answered(usual(), Answer::Hang),
            "14" => Self::Break { answer: Answer::Hang },
            "15" => Self::answered(usual(), Answer::Reset),
            "16" => Self::Break { answer: Answer::Reset },
            "17" => Self::answered(usual(), Answer::Truncated),
            "18" => Self::Break { answer: Answer::Truncated },
            "19" => Self::answered(usual(), Answer::Html),
            "20" => Self::Break { answer: Answer::Html },
            "21" => {
                let mut steps = usual();
                steps.iter_mut().skip(2).for_each(|step| {
                    (step.status, step.error_code) = (MessageStatus::Undelivered, Some(code));
                });
                Self::play(steps)
            }
            "22" => Self::Reads(Fault::Break { answer: Answer::ServerError }),
            _ => return None,
        })
    }
}

/// Whether what a number asks for passes when the request is made again.
fn is_passing(to: &Address) -> bool {
    to.number().starts_with("+3939910")
}

/// Which scripts were given to which recipients.
#[derive(Debug, Default)]
pub(super) struct Scripts {
    sends: Given<Script>,
    reads: Given<Fault>,
    /// Recipients whose number asks for what passes, and who had it.
    had: HashSet<Address>,
}

impl Scripts {
    /// Gives a script to a recipient, or to all who have none of their own; so many times, or until it is taken back
    /// by `None`.
    pub(super) fn set(&mut self, to: Option<Address>, script: Option<Script>, times: Option<NonZeroU32>) {
        match script {
            Some(Script::Reads(fault)) => self.reads.set(to, Some((fault, times))),
            Some(script) => self.sends.set(to, Some((script, times))),
            None => {
                self.reads.set(to.clone(), None);
                self.sends.set(to, None);
            }
        }
    }

    /// What waits for messages, and how many times more.
    pub(super) fn all(&self) -> impl Iterator<Item = (Option<&Address>, Script, Option<NonZeroU32>)> {
        let sends = self.sends.0.iter().map(|(to, (script, times))| (to.as_ref(), script.clone(), *times));
        let reads = self.reads.0.iter();
        let reads = reads.map(|(to, (fault, times))| (to.as_ref(), Script::Reads(fault.clone()), *times));
        sends.chain(reads)
    }

    /// What becomes of a message that is being created, if that was asked for: by a script for its recipient, by one for
    /// all, or by the recipient's number.
    pub(super) fn for_send(&mut self, to: &Address, timings: &Timings) -> Option<Script> {
        if let Some(script) = self.sends.take(to) {
            return Some(script);
        }
        let script = Script::of_recipient(to, timings)?;
        // Every second request is refused: the one that makes up for it is let through.
        if is_passing(to) && !self.had.insert(to.clone()) {
            self.had.remove(to);
            return None;
        }
        match script {
            Script::Reads(_) => None,
            script => Some(script),
        }
    }

    /// What becomes of reading a recipient's message, if that was asked for.
    pub(super) fn for_read(&mut self, to: &Address, timings: &Timings) -> Option<Fault> {
        let by_number = || match Script::of_recipient(to, timings) {
            Some(Script::Reads(fault)) => Some(fault),
            _ => None,
        };
        self.reads.take(to).or_else(by_number)
    }
}

/// What was given to recipients, so many times or until it is taken back; under `None`, to all others.
#[derive(Debug)]
struct Given<T>(HashMap<Option<Address>, (T, Option<NonZeroU32>)>);

impl<T> Default for Given<T> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<T: Clone> Given<T> {
    fn set(&mut self, to: Option<Address>, what: Option<(T, Option<NonZeroU32>)>) {
        match what {
            Some(what) => self.0.insert(to, what),
            None => self.0.remove(&to),
        };
    }

    /// What is a recipient's, once less.
    fn take(&mut self, to: &Address) -> Option<T> {
        let own = Some(to.clone());
        let key = if self.0.contains_key(&own) { own } else { None };
        let (what, times) = self.0.get_mut(&key)?;
        let what = what.clone();
        match times.map(|times| NonZeroU32::new(times.get() - 1)) {
            None => {}
            Some(None) => {
                self.0.remove(&key);
            }
            Some(left) => *times = left,
        }
        Some(what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CountryPrefix, PhoneNumber};

    fn of(digits: &str) -> Option<Script> {
        let number = PhoneNumber::recipient(&format!("+39399{digits}"), CountryPrefix::default()).unwrap();
        Script::of_recipient(&Address::from(&number), &Timings::default())
    }

    fn shown(digits: &str) -> String {
        match of(digits) {
            None => "none".to_owned(),
            Some(Script::Refuse { code, retry_after: None }) => format!("refuse {code}"),
            Some(Script::Refuse { code, retry_after: Some(seconds) }) => format!("refuse {code} {seconds} s"),
            Some(Script::Break { answer }) => format!("{answer:?}"),
            Some(Script::Reads(fault)) => format!("{fault:?}"),
            Some(Script::Play { steps, answer, answer_after_ms }) => steps
                .iter()
                .map(|s| format!("{}@{}x{}:{}", s.status, s.after_ms, s.callbacks, s.error_code.unwrap_or(0)))
                .chain((answer != Answer::Created).then(|| format!("{answer:?}")))
                .chain((answer_after_ms > 0).then(|| format!("answer@{answer_after_ms}")))
                .collect::<Vec<_>>()
                .join(" "),
        }
    }

    /// The table of the module's documentation. Every number in it is one that the host takes for a recipient's.
    #[test]
    fn a_magic_recipient_chooses_what_happens() {
        for (digits, expected) in [
            ("0163007", "refuse 63007"),
            ("0120429", "refuse 20429"),
            ("0263016", "sent@50x1:0 undelivered@150x1:63016"),
            ("0363015", "failed@50x1:63015"),
            ("0400000", ""),
            ("0501000", "sent@1050x1:0 delivered@1150x1:0 read@1300x1:0"),
            ("0600000", "sent@50x2:0 delivered@150x2:0 read@300x2:0"),
            ("0700000", "sent@50x1:0 delivered@150x1:0"),
            ("0800000", "read@300x1:0 delivered@150x1:0 sent@50x1:0"),
            ("0900000", "sent@50x1:0 delivered@150x1:0 read@300x1:0 ServerError"),
            ("1000000", "refuse 20429"),
            ("1000030", "refuse 20429 30 s"),
            ("1100000", "sent@0x1:0 delivered@150x1:0 read@300x1:0 answer@1"),
            ("1200000", "ServerError"),
            ("1300000", "sent@50x1:0 delivered@150x1:0 read@300x1:0 Hang"),
            ("1400000", "Hang"),
            ("1500000", "sent@50x1:0 delivered@150x1:0 read@300x1:0 Reset"),
            ("1600000", "Reset"),
            ("1700000", "sent@50x1:0 delivered@150x1:0 read@300x1:0 Truncated"),
            ("1800000", "Truncated"),
            ("1900000", "sent@50x1:0 delivered@150x1:0 read@300x1:0 Html"),
            ("2000000", "Html"),
            ("2163024", "sent@50x1:0 delivered@150x1:0 undelivered@300x1:63024"),
            ("2200000", "Break { answer: ServerError }"),
            ("2300000", "none"),
            ("9912345", "none"),
        ] {
            assert_eq!(shown(digits), expected, "{digits}");
        }
    }

    #[test]
    fn an_ordinary_recipient_chooses_nothing() {
        for number in ["+393331234567", "+393990163", "+14155550163007"] {
            let Ok(address) = number.parse::<Address>() else { continue };
            assert_eq!(Script::of_recipient(&address, &Timings::default()), None, "{number}");
        }
    }

    #[test]
    fn a_script_is_written_as_json() {
        let script: Script = serde_json::from_str(
            r#"{"play":{"steps":[{"after_ms":5,"status":"failed","error_code":63016}]}}"#,
        )
        .unwrap();
        let step =
            Step { error_code: Some(63016), ..Step::new(Duration::from_millis(5), MessageStatus::Failed) };
        assert_eq!(script, Script::play(vec![step]));
        for (text, script) in [
            (r#"{"refuse":{"code":63007}}"#, Script::Refuse { code: 63007, retry_after: None }),
            (
                r#"{"refuse":{"code":20429,"retry_after":2}}"#,
                Script::Refuse { code: 20429, retry_after: Some(2) },
            ),
            (r#"{"break":{"answer":"server_error"}}"#, Script::Break { answer: Answer::ServerError }),
            (
                r#"{"play":{"steps":[],"answer":"truncated","answer_after_ms":5}}"#,
                Script::Play { steps: Vec::new(), answer: Answer::Truncated, answer_after_ms: 5 },
            ),
            (
                r#"{"reads":{"break":{"answer":"hang"}}}"#,
                Script::Reads(Fault::Break { answer: Answer::Hang }),
            ),
        ] {
            assert_eq!(serde_json::from_str::<Script>(text).unwrap(), script, "{text}");
        }
        for bad in [
            r#"{"play":{"steps":[],"silent":true}}"#,
            r#"{"break":{"answer":"soon"}}"#,
            r#"{"reads":{"play":{"steps":[]}}}"#,
        ] {
            assert!(serde_json::from_str::<Script>(bad).is_err(), "{bad}");
        }
    }

    fn address(number: &str) -> Address {
        number.parse().unwrap()
    }

    #[test]
    fn a_script_is_given_to_one_or_to_all_so_many_times() {
        let (one, other) = (address("+393331234567"), address("+393337654321"));
        let refuse = |code| Script::Refuse { code, retry_after: None };
        let mut scripts = Scripts::default();
        let timings = Timings::default();
        scripts.set(None, Some(refuse(1)), NonZeroU32::new(2));
        scripts.set(Some(one.clone()), Some(refuse(2)), None);
        let mut take = |to| scripts.for_send(to, &timings);
        assert_eq!(take(&one), Some(refuse(2)), "its own comes first");
        assert_eq!([take(&other), take(&other), take(&other)], [Some(refuse(1)), Some(refuse(1)), None]);
        assert_eq!(take(&one), Some(refuse(2)), "until it is taken back");
        scripts.set(Some(one.clone()), None, None);
        assert_eq!(scripts.for_send(&one, &timings), None);

        let fault = Fault::Break { answer: Answer::Hang };
        scripts.set(Some(one.clone()), Some(Script::Reads(fault.clone())), NonZeroU32::new(1));
        assert_eq!(scripts.for_send(&one, &timings), None, "reading is another matter");
        assert_eq!([scripts.for_read(&one, &timings), scripts.for_read(&one, &timings)], [Some(fault), None]);
    }

    #[test]
    fn what_passes_is_refused_once_for_each_message() {
        let (to, always) = (address("+393991000001"), address("+393990120429"));
        let mut scripts = Scripts::default();
        for _ in 0..2 {
            let refused = scripts.for_send(&to, &Timings::default());
            assert_eq!(refused, Some(Script::Refuse { code: 20429, retry_after: Some(1) }));
            assert_eq!(scripts.for_send(&to, &Timings::default()), None);
            assert!(scripts.for_send(&always, &Timings::default()).is_some());
        }
    }
}
