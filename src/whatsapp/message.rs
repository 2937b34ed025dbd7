//! What is asked of Twilio, and Twilio's record of a message.
//!
//! Source: <https://www.twilio.com/docs/messaging/api/message-resource>.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;

use super::form::Form;
use crate::base::{AccountSid, Decimal, MessageSid, MessageStatus, PhoneNumber, Price, Secret, UnixMillis};

/// Whose messages are sent and read, with what key, and where.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// The account, which stands in the path of every request.
    pub sid: AccountSid,
    /// Who signs in: the account itself (`AC…`) or one of its API keys (`SK…`).
    pub username: String,
    /// The account's auth token, or the API key's secret.
    pub password: Secret,
    /// Other auth tokens of the account, to be tried in this order where Twilio refuses the first one: while keys rotate,
    /// nobody knows which of them counts at the moment.
    pub spares: Vec<Secret>,
    /// Twilio's API, `https://api.twilio.com`, or a stand-in for it.
    pub api_base_url: Url,
}

/// Who a message comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sender {
    /// A WhatsApp sender of the account.
    Number(PhoneNumber),
    /// A messaging service (`MG…`), which chooses one; the first status is then `accepted`.
    MessagingService(String),
}

/// A message to be sent. Twilio wants a body, media or a template; it is the judge of that.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// The recipient.
    pub to: PhoneNumber,
    /// The sender.
    pub sender: Sender,
    /// The text, at most 1,600 characters.
    pub body: Option<String>,
    /// Where Twilio fetches the media; WhatsApp honours one.
    pub media_url: Option<String>,
    /// A template (`HX…`).
    pub content_sid: Option<String>,
    /// The template's variables, a JSON object of texts.
    pub content_variables: Option<String>,
    /// Where Twilio reports the message's statuses; a fragment says how often it tries.
    pub status_callback: Option<String>,
}

impl OutgoingMessage {
    /// The form of the request.
    #[must_use]
    pub fn form(&self) -> Form {
        let mut form = Form::default();
        form.push("To", self.to.whatsapp());
        match &self.sender {
            Sender::Number(number) => form.push("From", number.whatsapp()),
            Sender::MessagingService(sid) => form.push("MessagingServiceSid", sid),
        }
        let optional = [
            ("Body", &self.body),
            ("MediaUrl", &self.media_url),
            ("ContentSid", &self.content_sid),
            ("ContentVariables", &self.content_variables),
            ("StatusCallback", &self.status_callback),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                form.push(name, value);
            }
        }
        form
    }
}

/// Neither the text nor the URLs (which may be signed): `Debug` output ends in logs.
impl fmt::Debug for OutgoingMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingMessage")
            .field("to", &self.to)
            .field("sender", &self.sender)
            .field("body_chars", &self.body.as_ref().map(|body| body.chars().count()))
            .field("has_media", &self.media_url.is_some())
            .field("content_sid", &self.content_sid)
            .finish_non_exhaustive()
    }
}

/// Twilio's record of a message, as far as this host uses it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MessageResource {
    /// Twilio's id.
    pub sid: MessageSid,
    /// What became of it so far.
    pub status: MessageStatus,
    /// The recipient as Twilio names it, `whatsapp:+39…` as a rule.
    #[serde(default)]
    pub to: Option<String>,
    /// The sender; absent until a messaging service has chosen one.
    #[serde(default)]
    pub from: Option<String>,
    /// The messaging service (`MG…`) that was asked to choose a sender.
    #[serde(default)]
    pub messaging_service_sid: Option<String>,
    /// The text.
    #[serde(default)]
    pub body: Option<String>,
    /// Why it failed.
    #[serde(default, deserialize_with = "lenient_code")]
    pub error_code: Option<i64>,
    /// The same in words.
    #[serde(default)]
    pub error_message: Option<String>,
    /// When Twilio took it; a second's precision.
    #[serde(default, with = "twilio_date")]
    pub date_created: Option<UnixMillis>,
    /// When it was sent.
    #[serde(default, with = "twilio_date")]
    pub date_sent: Option<UnixMillis>,
    /// When its record last changed.
    #[serde(default, with = "twilio_date")]
    pub date_updated: Option<UnixMillis>,
    /// What it cost, `-0.00750`; null until Twilio has worked it out.
    #[serde(default, deserialize_with = "lenient_price")]
    pub price: Option<String>,
    /// In which currency; stands there before the price does.
    #[serde(default)]
    pub price_unit: Option<String>,
}

impl MessageResource {
    /// What it cost, once Twilio tells.
    #[must_use]
    pub fn price(&self) -> Option<Price> {
        let amount = self.price.clone()?;
        // Twilio's own default where it names none.
        let unit = self.price_unit.as_deref().unwrap_or("USD").chars().take(8).collect();
        Some(Price { amount, unit })
    }
}

/// Neither the text nor the numbers.
impl fmt::Debug for MessageResource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageResource")
            .field("sid", &self.sid)
            .field("status", &self.status)
            .field("error_code", &self.error_code)
            .finish_non_exhaustive()
    }
}

/// Which messages are listed: all conditions must hold. Newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFilter {
    /// Sent to this number.
    pub to: Option<PhoneNumber>,
    /// Sent from this number.
    pub from: Option<PhoneNumber>,
    /// Created at this moment or later: the list ends with the first older one, so that asking for the last
    /// minutes does not read an account's history. Twilio itself filters by the date of sending only, which a
    /// message that still waits does not have.
    pub created_since: Option<UnixMillis>,
    /// At most so many.
    pub limit: usize,
}

/// A moment as Twilio's REST API writes it, RFC 2822: `Thu, 24 Aug 2023 05:01:45 +0000`.
#[must_use]
pub fn format_date(moment: UnixMillis) -> String {
    let since_epoch = Duration::from_millis(u64::try_from(moment.0).unwrap_or(0));
    httpdate::fmt_http_date(UNIX_EPOCH + since_epoch.min(LAST_YEAR)).replace("GMT", "+0000")
}

/// Reads what [`format_date`] writes.
#[must_use]
pub fn parse_date(text: &str) -> Option<UnixMillis> {
    let moment = httpdate::parse_http_date(&text.replace("+0000", "GMT")).ok()?;
    let millis = moment.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis();
    i64::try_from(millis).ok().map(UnixMillis)
}

/// The end of the year 9999, beyond which the format has no dates.
const LAST_YEAR: Duration = Duration::from_secs(253_402_300_799);

/// [`format_date`] and [`parse_date`] for serde; what is not a date counts as none, a record is worth reading
/// without.
mod twilio_date {
    use super::{Deserialize, Deserializer, Serialize, Serializer, UnixMillis, format_date, parse_date};

    #[expect(clippy::ref_option, reason = "serde's signature")]
    pub fn serialize<S: Serializer>(moment: &Option<UnixMillis>, serializer: S) -> Result<S::Ok, S::Error> {
        moment.map(format_date).serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<UnixMillis>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.as_deref().and_then(parse_date))
    }
}

/// Twilio's codes are numbers, sometimes written as texts; once there was a word.
pub(super) fn lenient_code<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::Number(number) => Ok(number.as_i64()),
        serde_json::Value::String(text) => Ok(text.parse().ok()),
        _ => Err(D::Error::custom("an error code is a number")),
    }
}

/// A price is a text with a decimal number; what is none is as good as no price, for a record is worth reading
/// without.
fn lenient_price<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::String(text) => text,
        serde_json::Value::Number(number) => number.to_string(),
        _ => return Ok(None),
    };
    Ok(Some(text).filter(|text| Decimal::parse(text).is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::CountryPrefix;

    fn message() -> OutgoingMessage {
        OutgoingMessage {
            to: PhoneNumber::recipient("3331234567", CountryPrefix::default()).unwrap(),
            sender: Sender::Number(PhoneNumber::sender("+14155238886").unwrap()),
            body: Some("Ciao, Anna".to_owned()),
            media_url: Some("https://example.com/a.png?X-Goog-Signature=abc".to_owned()),
            content_sid: None,
            content_variables: None,
            status_callback: Some("https://example.com/cb#rc=5".to_owned()),
        }
    }

    #[test]
    fn a_message_becomes_twilios_form() {
        assert_eq!(
            message().form().pairs(),
            [
                ("To", "whatsapp:+393331234567"),
                ("From", "whatsapp:+14155238886"),
                ("Body", "Ciao, Anna"),
                ("MediaUrl", "https://example.com/a.png?X-Goog-Signature=abc"),
                ("StatusCallback", "https://example.com/cb#rc=5"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
        assert!(message().form().encode().starts_with("To=whatsapp%3A%2B39333"), "a plus is not a space");
        let by_service = OutgoingMessage { sender: Sender::MessagingService("MG1".to_owned()), ..message() };
        assert_eq!(by_service.form().get("MessagingServiceSid"), Some("MG1"));
        assert_eq!(by_service.form().get("From"), None);
    }

    #[test]
    fn debug_output_shows_no_numbers_words_or_signatures() {
        let shown = format!("{:?}", message());
        for secret in ["3331234567", "Anna", "Goog", "cb#"] {
            assert!(!shown.contains(secret), "{secret}: {shown}");
        }
    }

    #[test]
    fn dates_are_rfc_2822() {
        let moment = UnixMillis(1_692_853_305_000);
        assert_eq!(format_date(moment), "Thu, 24 Aug 2023 05:01:45 +0000");
        assert_eq!(parse_date("Thu, 24 Aug 2023 05:01:45 +0000"), Some(moment));
        assert_eq!(parse_date("yesterday"), None);
        for extreme in [i64::MIN, -1, 0, i64::MAX] {
            assert!(format_date(UnixMillis(extreme)).ends_with("+0000"), "{extreme}");
        }
    }

    #[test]
    fn a_price_is_a_decimal_number_or_none() {
        let price = |members: &str| {
            let text = format!(r#"{{"sid":"SM{}","status":"sent"{members}}}"#, "0".repeat(32));
            serde_json::from_str::<MessageResource>(&text).unwrap().price()
        };
        let told = |amount: &str, unit: &str| Some(Price { amount: amount.into(), unit: unit.into() });
        assert_eq!(price(r#","price":"-0.00750","price_unit":"EUR""#), told("-0.00750", "EUR"));
        assert_eq!(price(r#","price":-0.0075"#), told("-0.0075", "USD"));
        for none in ["", r#","price":null,"price_unit":"USD""#, r#","price":"free""#, r#","price":{}"#] {
            assert_eq!(price(none), None, "{none}");
        }
    }

    #[test]
    fn a_record_is_read_leniently() {
        let text = format!(
            r#"{{"sid":"SM{}","status":"teleported","error_code":"63016","date_created":"Thu, 24 Aug 2023 05:01:45 +0000",
               "date_sent":null,"new_field":{{}}}}"#,
            "0".repeat(32)
        );
        let record: MessageResource = serde_json::from_str(&text).unwrap();
        assert_eq!(record.status, MessageStatus::Other("teleported".to_owned()));
        assert_eq!(record.error_code, Some(63016));
        assert_eq!(record.date_created, Some(UnixMillis(1_692_853_305_000)));
        assert_eq!(record.from, None);
    }
}
