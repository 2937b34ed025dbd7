//! What becomes of a message.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::settings::Timings;
use crate::whatsapp::MessageStatus;

/// What becomes of a message. As JSON: `{"refuse":{"code":63007}}` or
/// `{"play":{"steps":[{"after_ms":50,"status":"sent"}]}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Script {
    /// It is refused when it is created.
    Refuse {
        /// Twilio's code, which also chooses the HTTP status.
        code: i64,
    },
    /// It is taken, and these things happen to it.
    Play {
        /// One after another; none at all is silence.
        steps: Vec<Step>,
        /// Whether the answer to the request is HTTP 500 although the message was taken.
        #[serde(default)]
        answer_is_lost: bool,
    },
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
        Self::play(vec![
            Step::new(timings.sent, MessageStatus::Sent),
            Step::new(timings.delivered, MessageStatus::Delivered),
            Step::new(timings.read, MessageStatus::Read),
        ])
    }

    /// These steps, and an answer that arrives.
    #[must_use]
    pub fn play(steps: Vec<Step>) -> Self {
        Self::Play { steps, answer_is_lost: false }
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
        let usual = || match Self::usual(timings) {
            Self::Play { steps, .. } => steps,
            Self::Refuse { .. } => Vec::new(),
        };
        let changed = |change: &dyn Fn(&mut Step)| {
            let mut steps = usual();
            steps.iter_mut().for_each(change);
            Self::play(steps)
        };
        Some(match what {
            "01" => Self::Refuse { code },
            "02" => Self::fails(timings, &MessageStatus::Undelivered, code),
            "03" => Self::fails(timings, &MessageStatus::Failed, code),
            "04" => Self::play(Vec::new()),
            "05" => changed(&|step| step.after_ms += u64::from(number)),
            "06" => changed(&|step| step.callbacks = 2),
            "07" => {
                Self::play(usual().into_iter().filter(|step| step.status != MessageStatus::Read).collect())
            }
            "08" => Self::play(usual().into_iter().rev().collect()),
            "09" => Self::Play { steps: usual(), answer_is_lost: true },
            _ => return None,
        })
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
            Some(Script::Refuse { code }) => format!("refuse {code}"),
            Some(Script::Play { steps, answer_is_lost }) => steps
                .iter()
                .map(|s| format!("{}@{}x{}:{}", s.status, s.after_ms, s.callbacks, s.error_code.unwrap_or(0)))
                .chain(answer_is_lost.then(|| "lost".to_owned()))
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
            ("0900000", "sent@50x1:0 delivered@150x1:0 read@300x1:0 lost"),
            ("1000000", "none"),
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
        let refuse: Script = serde_json::from_str(r#"{"refuse":{"code":63007}}"#).unwrap();
        assert_eq!(refuse, Script::Refuse { code: 63007 });
        assert!(serde_json::from_str::<Script>(r#"{"play":{"steps":[],"silent":true}}"#).is_err());
    }
}
