//! What an action learns of a send: the outcome object of the contract.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::codes;
use super::message::{MessageResource, OutgoingMessage, Sender};
use super::twilio::{NotSent, SendOutcome, Sent};
use crate::base::{MessageSid, MessageStatus, Price, debug_only};

/// The host's code for a send whose outcome can't be known.
pub const SEND_IN_DOUBT: &str = "SEND_IN_DOUBT";
/// The host's code for a connection to Twilio that was never made.
pub const TWILIO_UNREACHABLE: &str = "TWILIO_UNREACHABLE";
/// The host's code for a 429 without a code of Twilio's.
pub const TOO_MANY_REQUESTS: &str = "TOO_MANY_REQUESTS";
/// The host's code for a 4xx without a code of Twilio's.
pub const SEND_REFUSED: &str = "SEND_REFUSED";

/// The outcome of a send, as JavaScript sees it: the names are those of the contract.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Whether Twilio has the message.
    pub success: bool,
    /// Twilio's id of it, if it gave one.
    pub sid: Option<String>,
    /// Twilio's word, as a rule `queued` or `accepted`; `failed` when the message was not taken; `unknown` when
    /// that can't be known.
    pub status: String,
    /// The recipient, `whatsapp:+39…`; null when the number could not be read.
    pub to: Option<String>,
    /// The sender, `whatsapp:+1…`; null until a messaging service has chosen one.
    pub from: Option<String>,
    /// Twilio's number or the host's own code.
    pub error_code: Option<OutcomeCode>,
    /// What happened and what to do.
    pub error_message: Option<String>,
    /// Twilio's page about the error.
    pub more_info: Option<String>,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// What is worth knowing although it is no error.
    pub warnings: Vec<String>,
    /// What it cost, for the ledger alone: scripts do not see it, and a journal does not keep it.
    #[serde(skip)]
    pub price: Option<Price>,
}

debug_only!(Outcome { success, sid, status, error_code, retryable });

/// A code: Twilio's are numbers, the host's are names such as `MEDIA_TOO_LARGE`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OutcomeCode {
    /// Twilio's.
    Number(i64),
    /// The host's.
    Name(String),
}

impl fmt::Display for OutcomeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl Outcome {
    /// A send that the host itself refused, or could not make: nothing has left.
    #[must_use]
    pub fn failed(code: &str, message: impl Into<String>) -> Self {
        Self {
            success: false,
            sid: None,
            status: "failed".to_owned(),
            to: None,
            from: None,
            error_code: Some(OutcomeCode::Name(code.to_owned())),
            error_message: Some(message.into()),
            more_info: None,
            retryable: false,
            warnings: Vec::new(),
            price: None,
        }
    }

    /// A send that was made but whose outcome can't be known.
    #[must_use]
    pub fn in_doubt(what_happened: &str) -> Self {
        let message = format!(
            "{what_happened}. Twilio may have the message or not, so the host does not repeat it: wait for its \
             notifications, or look for it in Twilio's log"
        );
        Self { status: "unknown".to_owned(), ..Self::failed(SEND_IN_DOUBT, message) }
    }

    /// Whether Twilio has certainly not got the message.
    #[must_use]
    pub fn has_not_left(&self) -> bool {
        !self.success && self.sid.is_none() && self.status != "unknown"
    }

    /// A send whose answer was lost, but whose message is known by now.
    #[must_use]
    pub fn known(sid: &MessageSid, status: &MessageStatus) -> Self {
        let (sid, status) = (sid.clone(), status.clone());
        Self::sent(&Sent { sid, status, from: None, error_code: None, error_message: None, price: None })
    }

    /// A send whose answer was lost, but whose message was found in Twilio's log.
    #[must_use]
    pub fn found(message: &MessageResource) -> Self {
        Self::sent(&Sent {
            sid: message.sid.clone(),
            status: message.status.clone(),
            from: None,
            error_code: message.error_code,
            error_message: message.error_message.clone(),
            price: message.price(),
        })
    }

    /// Who it was to go to and from.
    #[must_use]
    pub fn between(mut self, to: Option<String>, from: Option<String>) -> Self {
        (self.to, self.from) = (to, from);
        self
    }

    /// The outcome of sending `message`.
    #[must_use]
    pub fn of(outcome: &SendOutcome, message: &OutgoingMessage) -> Self {
        let from = match &message.sender {
            Sender::Number(number) => Some(number.whatsapp()),
            Sender::MessagingService(_) => None,
        };
        let told = match outcome {
            SendOutcome::Sent(sent) => {
                return Self::sent(sent).between(Some(message.to.whatsapp()), sent.from.clone().or(from));
            }
            SendOutcome::NotSent { why, code, message } => {
                let own_code = match why {
                    NotSent::ConnectionFailed => TWILIO_UNREACHABLE,
                    NotSent::TooManyRequests { .. } => TOO_MANY_REQUESTS,
                };
                Self { retryable: true, ..Self::with_code(*code, own_code, &message.0, None) }
            }
            SendOutcome::Refused(refusal) => {
                Self::with_code(refusal.code, SEND_REFUSED, &refusal.message.0, refusal.more_info.clone())
            }
            SendOutcome::InDoubt { message } => Self::in_doubt(&message.0),
        };
        told.between(Some(message.to.whatsapp()), from)
    }

    /// Twilio has it; it may have failed at once nevertheless.
    fn sent(sent: &Sent) -> Self {
        let (sid, status) = (Some(sent.sid.to_string()), sent.status.to_string());
        let price = sent.price.clone();
        if sent.status.is_failure() {
            let message =
                sent.error_message.as_deref().unwrap_or("Twilio took the message but could not send it");
            return Self {
                sid,
                status,
                price,
                ..Self::with_code(sent.error_code, SEND_REFUSED, message, None)
            };
        }
        Self {
            success: true,
            sid,
            status,
            to: None,
            from: None,
            error_code: None,
            error_message: None,
            more_info: None,
            retryable: false,
            warnings: Vec::new(),
            price,
        }
    }

    /// An error of Twilio's: what it said, then what is known of its code.
    fn with_code(code: Option<i64>, own_code: &str, said: &str, more_info: Option<String>) -> Self {
        let Some(code) = code else { return Self { more_info, ..Self::failed(own_code, said) } };
        let known = codes::explain(code);
        let said = said.trim().trim_end_matches('.');
        let message = match known {
            // Twilio's own sentence may be the one that we would explain it with.
            Some(known) if said.contains(known.meaning) => format!("{said}: {}", known.remedy),
            Some(known) => format!("{said}. {}: {}", known.meaning, known.remedy),
            None => said.to_owned(),
        };
        Self {
            error_code: Some(OutcomeCode::Number(code)),
            more_info: more_info.or_else(|| Some(codes::more_info(code))),
            retryable: known.is_some_and(codes::ErrorCode::is_retryable),
            ..Self::failed(own_code, message)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{MessageSid, PhoneNumber};
    use crate::whatsapp::twilio::{Hidden, Refusal};
    use crate::whatsapp::{MessageStatus, NotSent};
    use serde_json::json;

    fn message() -> OutgoingMessage {
        OutgoingMessage {
            to: PhoneNumber::sender("+393331234567").unwrap(),
            sender: Sender::Number(PhoneNumber::sender("+14155238886").unwrap()),
            body: Some("Ciao".to_owned()),
            media_url: None,
            content_sid: None,
            content_variables: None,
            status_callback: None,
        }
    }

    fn sent(status: MessageStatus, error_code: Option<i64>) -> SendOutcome {
        let sid = MessageSid::parse(&format!("SM{}", "0".repeat(32))).unwrap();
        SendOutcome::Sent(Sent { sid, status, from: None, error_code, error_message: None, price: None })
    }

    fn refused(code: Option<i64>, message: &str) -> SendOutcome {
        let message = Hidden(message.to_owned());
        SendOutcome::Refused(Refusal { http_status: 400, code, message, more_info: None })
    }

    fn json_of(outcome: &SendOutcome) -> serde_json::Value {
        serde_json::to_value(Outcome::of(outcome, &message())).unwrap()
    }

    #[test]
    fn a_sent_message_has_the_shape_of_the_contract() {
        let text =
            serde_json::to_string(&Outcome::of(&sent(MessageStatus::Queued, None), &message())).unwrap();
        assert_eq!(
            text,
            format!(
                r#"{{"success":true,"sid":"SM{}","status":"queued","to":"whatsapp:+393331234567","from":"whatsapp:+14155238886","errorCode":null,"errorMessage":null,"moreInfo":null,"retryable":false,"warnings":[]}}"#,
                "0".repeat(32)
            )
        );
        let read: Outcome = serde_json::from_str(&text).unwrap();
        assert!(read.success, "a journal reads it back");
    }

    #[test]
    fn a_refusal_says_what_twilio_said_and_what_to_do() {
        let outcome =
            json_of(&refused(Some(63007), "Twilio could not find a Channel with the specified From address"));
        assert_eq!(outcome["success"], false);
        assert_eq!(outcome["sid"], json!(null));
        assert_eq!(outcome["status"], "failed");
        assert_eq!(outcome["errorCode"], 63007);
        assert_eq!(outcome["moreInfo"], "https://www.twilio.com/docs/errors/63007");
        assert_eq!(outcome["retryable"], false);
        let text = outcome["errorMessage"].as_str().unwrap();
        assert!(text.starts_with("Twilio could not find a Channel"), "{text}");
        assert!(text.contains("from_phone_number"), "{text}");

        let unknown = json_of(&refused(Some(99999), "Something new"));
        assert_eq!(unknown["errorMessage"], "Something new");
        assert_eq!(unknown["moreInfo"], "https://www.twilio.com/docs/errors/99999");
        assert_eq!(json_of(&refused(None, "A page"))["errorCode"], SEND_REFUSED);
        assert_eq!(json_of(&refused(Some(63018), "Rate limit"))["retryable"], true);
    }

    #[test]
    fn who_it_went_to_is_not_in_debug_output() {
        let outcome = Outcome::of(&refused(Some(21211), "whatsapp:+393331234567 is not valid"), &message());
        let shown = format!("{outcome:?}");
        assert!(shown.contains("21211") && !shown.contains("1234567"), "{shown}");
    }

    #[test]
    fn what_was_certainly_not_sent_is_retryable() {
        let not_sent = |why, code| SendOutcome::NotSent { why, code, message: Hidden("no".to_owned()) };
        let unreachable = json_of(&not_sent(NotSent::ConnectionFailed, None));
        assert_eq!(
            (&unreachable["errorCode"], &unreachable["retryable"]),
            (&json!(TWILIO_UNREACHABLE), &json!(true))
        );
        let patience = NotSent::TooManyRequests { retry_after: None };
        assert_eq!(json_of(&not_sent(patience.clone(), None))["errorCode"], TOO_MANY_REQUESTS);
        let known = json_of(&not_sent(patience, Some(20429)));
        assert_eq!((&known["errorCode"], &known["retryable"]), (&json!(20429), &json!(true)));
    }

    #[test]
    fn doubt_is_shown_as_unknown_and_never_retryable() {
        let doubt = json_of(&SendOutcome::InDoubt { message: Hidden("the connection broke".to_owned()) });
        assert_eq!(doubt["status"], "unknown");
        assert_eq!(doubt["errorCode"], SEND_IN_DOUBT);
        assert_eq!(doubt["retryable"], false);
        assert_eq!(doubt["success"], false);
        assert_eq!(doubt["to"], "whatsapp:+393331234567");
    }

    #[test]
    fn a_message_that_failed_at_once_keeps_its_sid() {
        let failed = json_of(&sent(MessageStatus::Failed, Some(63015)));
        assert_eq!(failed["success"], false);
        assert!(failed["sid"].is_string());
        assert_eq!((&failed["status"], &failed["errorCode"]), (&json!("failed"), &json!(63015)));
    }
}
