//! A WhatsApp address: `whatsapp:+` and a number.

use std::fmt;
use std::str::FromStr;

use rlibphonenumber::PHONE_NUMBER_UTIL;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::PhoneNumber;

/// A number with the `whatsapp:` of its channel. Its length must be possible in its country; whether the number is
/// in use is not asked, so that the fictional ones of examples work.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address(String);

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAddress {
    /// It lacks the `whatsapp:`.
    #[error("a WhatsApp address begins with `whatsapp:`")]
    OtherChannel,
    /// What follows is no number in international form.
    #[error("a number in international form looks like `+393331234567`")]
    Number,
}

impl Address {
    /// Reads `whatsapp:+39…`.
    ///
    /// # Errors
    /// [`InvalidAddress`]; a bad number counts before a missing channel.
    pub fn parse(text: &str) -> Result<Self, InvalidAddress> {
        let (channel, number) = match text.split_once(':') {
            Some((channel, number)) => (Some(channel), number),
            None => (None, text),
        };
        let digits = number.strip_prefix('+').ok_or(InvalidAddress::Number)?;
        let is_e164 = (7..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        let parsed = is_e164.then(|| PHONE_NUMBER_UTIL.parse(number, None).ok()).flatten();
        match parsed {
            Some(parsed) if PHONE_NUMBER_UTIL.is_possible_number(&parsed) => {}
            _ => return Err(InvalidAddress::Number),
        }
        match channel {
            Some("whatsapp") => Ok(Self(text.to_owned())),
            _ => Err(InvalidAddress::OtherChannel),
        }
    }

    /// The number with its plus.
    #[must_use]
    pub fn number(&self) -> &str {
        self.0.split_once(':').map_or("", |(_, number)| number)
    }

    /// As Twilio names it: `whatsapp:+39…`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The number with its last four digits hidden, as callbacks show it.
    #[must_use]
    pub fn masked(&self) -> String {
        let number = self.number();
        format!("{}XXXX", &number[..number.len().saturating_sub(4)])
    }
}

impl From<&PhoneNumber> for Address {
    fn from(number: &PhoneNumber) -> Self {
        Self(number.whatsapp())
    }
}

/// With or without the channel, for the simulator's own interface.
impl FromStr for Address {
    type Err = InvalidAddress;
    fn from_str(text: &str) -> Result<Self, InvalidAddress> {
        if text.starts_with('+') { Self::parse(&format!("whatsapp:{text}")) } else { Self::parse(text) }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_channel_and_a_possible_number() {
        for good in ["whatsapp:+393331234567", "whatsapp:+14155238886", "whatsapp:+15551234567"] {
            assert_eq!(Address::parse(good).map(|address| address.to_string()), Ok(good.to_owned()));
        }
        for bad in [
            "",
            "whatsapp:",
            "whatsapp:+39",
            "whatsapp:+123",
            "whatsapp:393331234567",
            "whatsapp: +393331234567",
            "whatsapp:+3933312345678901",
            "whatsapp:+39333123456a",
            "+39333",
            "whatsapp:+0000000000",
            "whatsapp:+１２３４５６７８",
        ] {
            assert_eq!(Address::parse(bad), Err(InvalidAddress::Number), "{bad}");
        }
        for other in ["+393331234567", "sms:+393331234567", "WhatsApp:+393331234567"] {
            assert_eq!(Address::parse(other), Err(InvalidAddress::OtherChannel), "{other}");
        }
        assert_eq!("+393331234567".parse::<Address>(), Address::parse("whatsapp:+393331234567"));
        assert_eq!(Address::parse("whatsapp:+393331234567").unwrap().masked(), "+39333123XXXX");
    }
}
