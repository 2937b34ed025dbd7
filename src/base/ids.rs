//! The ids of the system, each its own type.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};

/// Why a text is not a valid id: what kind of id was wanted, what was given, and the shape it should have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is not {kind}: {shape}")]
pub struct InvalidId {
    /// What was wanted, with its article: "an application id".
    pub kind: &'static str,
    /// What was given, cut to 80 characters and with control characters escaped.
    pub given: String,
    /// The shape a valid one has, for people.
    pub shape: &'static str,
}

impl InvalidId {
    fn new(kind: &'static str, given: &str, shape: &'static str) -> Self {
        let given = given.chars().take(80).flat_map(char::escape_debug).collect();
        Self { kind, given, shape }
    }
}

/// Declares a newtype over `Arc<str>` (cheap to clone, ids travel through every layer) with its rule.
macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $shape:literal, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks `text` against the rule of this id.
            ///
            /// # Errors
            /// [`InvalidId`] names what was given and the shape it should have.
            pub fn parse(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) {
                    Ok(Self(text.into()))
                } else {
                    Err(InvalidId::new($kind, text, $shape))
                }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                Self::parse(text)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    };
}

text_id! {
    /// Names an application: `[A-Za-z][A-Za-z0-9_-]{0,62}`.
    AppId, "an application id",
    "a letter, then at most 62 letters, digits, `_` or `-`",
    |text| {
        text.len() <= 63
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    }
}

text_id! {
    /// Names a company (tenant) of an application: `[A-Za-z0-9][A-Za-z0-9._-]{0,63}`.
    CompanyId, "a company id",
    "a letter or digit, then at most 63 letters, digits, `.`, `_` or `-`",
    |text| {
        text.len() <= 64
            && text.starts_with(|c: char| c.is_ascii_alphanumeric())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    }
}

impl CompanyId {
    /// The company of an application that has no tenants.
    pub const NONE: &'static str = "NODEFINED";

    /// The company of an application that has no tenants: `NODEFINED`.
    #[must_use]
    pub fn none() -> Self {
        Self(Self::NONE.into())
    }
}

/// The host's own action. No author's is called so: a file whose name begins with a dot is none of an application's.
const HOST_SEND: &str = ".send";

impl ActionId {
    /// The host's own action, which sends what `vo` describes.
    #[must_use]
    pub fn host_send() -> Self {
        Self(HOST_SEND.into())
    }
}

text_id! {
    /// Names an action: its path below the application's folder without `.js`. Segments of letters, digits,
    /// `_`, `-` and `.` that do not begin with a dot, joined by `/`; at most 200 characters.
    ActionId, "an action id",
    "a path such as `onWhatsappStatus` or `orders/confirm`, without `.js`",
    |text| {
        text == HOST_SEND || text.len() <= 200
            && text.split('/').all(|segment| {
                !segment.is_empty()
                    && !segment.starts_with('.')
                    && segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
            })
    }
}

text_id! {
    /// Twilio's id of a message: today `SM` or `MM` and 32 hexadecimal digits. What Twilio signs is believed, so
    /// that a new kind of message is not lost: any 2 to 64 letters and digits are read.
    MessageSid, "a message SID",
    "`SM` or `MM` followed by 32 hexadecimal digits",
    |text| (2..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

impl MessageSid {
    /// Reads what a person typed, where a wrong shape is a slip and not something new: strictly.
    ///
    /// # Errors
    /// [`InvalidId`] when it is not `SM` or `MM` and 32 hexadecimal digits.
    pub fn typed(text: &str) -> Result<Self, InvalidId> {
        let digits = text.strip_prefix("SM").or_else(|| text.strip_prefix("MM"));
        if digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit())) {
            return Self::parse(text);
        }
        let shape = "`SM` or `MM` followed by 32 hexadecimal digits";
        Err(InvalidId::new("a message SID", text, shape))
    }
}

text_id! {
    /// Twilio's id of an account: `AC` and 32 hexadecimal digits.
    AccountSid, "an account SID",
    "`AC` followed by 32 hexadecimal digits",
    |text| text.len() == 34 && text.starts_with("AC") && text.bytes().skip(2).all(|b| b.is_ascii_hexdigit())
}

text_id! {
    /// Twilio's id of a template: `HX` and 32 hexadecimal digits.
    ContentSid, "a ContentSid",
    "`HX` followed by 32 hexadecimal digits",
    |text| text.len() == 34 && text.starts_with("HX") && text.bytes().skip(2).all(|b| b.is_ascii_hexdigit())
}

/// The host's own id of a message, made before the message is sent and carried in its callback URL: a `UUIDv7`
/// (RFC 9562), so that ids made one after another lie side by side in an index and never meet those of
/// another data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct MessageId(uuid::Uuid);

impl MessageId {
    /// A new id for a message that is about to be sent.
    #[must_use]
    pub fn generate() -> Self {
        Self(uuid::Uuid::now_v7())
    }

    /// Reads what [`Display`](fmt::Display) wrote.
    ///
    /// # Errors
    /// When `text` is not a UUID.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        uuid::Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| InvalidId::new("a message id of this host", text, "a UUID"))
    }

    /// The 16 bytes that the database holds.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// The id whose bytes these are.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(uuid::Uuid::from_bytes(bytes))
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.simple())
    }
}

impl FromStr for MessageId {
    type Err = InvalidId;
    fn from_str(text: &str) -> Result<Self, InvalidId> {
        Self::parse(text)
    }
}

impl From<MessageId> for String {
    fn from(id: MessageId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for MessageId {
    type Error = InvalidId;
    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::parse(&text)
    }
}

/// Declares a newtype over the row number that SQLite gave.
macro_rules! row_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                text.parse().map(Self).map_err(|_| InvalidId::new($kind, text, "a whole number"))
            }
        }
    };
}

row_id! {
    /// A notification in the host's inbox, numbered in the order of arrival.
    NotificationId, "a notification id"
}

row_id! {
    /// One run of an action, retries and replays of it included.
    RunId, "a run id"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_hold_only_valid_values() {
        assert!(AppId::parse("demo").is_ok());
        assert!(AppId::parse(&"a".repeat(63)).is_ok());
        for bad in ["", "1demo", "de mo", "../demo", "démo", &"a".repeat(64)] {
            assert!(AppId::parse(bad).is_err(), "{bad}");
        }
        assert!(CompanyId::parse("ACME.it-1_b").is_ok());
        for bad in ["", ".", "..", "-a", "a/b", &"a".repeat(65)] {
            assert!(CompanyId::parse(bad).is_err(), "{bad}");
        }
        assert!(ActionId::parse("orders/confirm").is_ok());
        for bad in ["", "/a", "a/", "a//b", "../a", "a/../b", ".hidden", "a b"] {
            assert!(ActionId::parse(bad).is_err(), "{bad}");
        }
        assert!(AccountSid::parse(&format!("AC{}", "0".repeat(32))).is_ok());
        assert!(AccountSid::parse(&format!("SK{}", "0".repeat(32))).is_err());
        assert!(ContentSid::parse(&format!("HX{}", "aF".repeat(16))).is_ok());
        for bad in ["", "HX", &format!("hx{}", "0".repeat(32)), &format!("HX{}", "0".repeat(33))] {
            assert!(ContentSid::parse(bad).is_err(), "{bad}");
        }
        assert!(MessageSid::parse(&format!("MM{}", "aF".repeat(16))).is_ok());
        assert!(MessageSid::parse("SM/../x").is_err());
        assert!(MessageSid::typed(&format!("MM{}", "aF".repeat(16))).is_ok());
        for slip in
            ["", "SM", &"0".repeat(34), &format!("SM{}", "g".repeat(32)), &format!("SM{}", "0".repeat(31))]
        {
            assert!(MessageSid::typed(slip).is_err(), "{slip}");
        }
    }

    #[test]
    fn a_message_id_survives_text_and_bytes() {
        let id = MessageId::generate();
        assert_eq!(MessageId::parse(&id.to_string()), Ok(id));
        assert_eq!(MessageId::from_bytes(*id.as_bytes()), id);
    }

    #[test]
    fn an_invalid_id_is_escaped_and_cut() {
        let error = AppId::parse(&"\u{1b}[31m".repeat(100)).unwrap_err();
        assert!(!error.to_string().contains('\u{1b}'));
        assert!(error.given.len() < 900);
    }
}
