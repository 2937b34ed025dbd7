//! Prices, exact: sums of money are never floating-point numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What Twilio charged for something, as it writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Price {
    /// A decimal number such as `-0.00750`: negative, because it leaves the account's balance.
    pub amount: String,
    /// The currency (ISO 4217), `USD` as a rule.
    pub unit: String,
}

/// A decimal number without rounding: an integer of units of the ninth place behind the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Decimal(i128);

/// Places behind the point; Twilio uses five.
const PLACES: usize = 9;

impl Decimal {
    /// Reads `-0.00750`. `None` for what is no decimal number, or has more than nine places behind the point.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, places) = text.split_once('.').unwrap_or((text, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() || whole.len() > 18 || !all_digits(whole) || !all_digits(places) {
            return None;
        }
        if places.len() > PLACES || (places.is_empty() && text.ends_with('.')) {
            return None;
        }
        let units: i128 = format!("{whole}{places:0<PLACES$}").parse().ok()?;
        Some(Self(if negative { -units } else { units }))
    }

    /// Without its sign.
    #[must_use]
    pub fn abs(self) -> Self {
        Self(self.0.saturating_abs())
    }

    /// This and `other`.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

/// As few places as it takes.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = format!("{:0>width$}", self.0.unsigned_abs(), width = PLACES + 1);
        let (whole, places) = digits.split_at(digits.len() - PLACES);
        let places = places.trim_end_matches('0');
        let sign = if self.0 < 0 { "-" } else { "" };
        if places.is_empty() { write!(f, "{sign}{whole}") } else { write!(f, "{sign}{whole}.{places}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact() {
        let price = Decimal::parse("-0.00750").unwrap();
        assert_eq!(price.to_string(), "-0.0075");
        let sum = (0..1_000_000).fold(Decimal::default(), |sum, _| sum.plus(price.abs()));
        assert_eq!(sum.to_string(), "7500");
        assert_eq!(Decimal::parse("0.1").unwrap().plus(Decimal::parse("0.2").unwrap()).to_string(), "0.3");
        assert_eq!(Decimal::parse("12").unwrap().plus(Decimal::parse("-12.5").unwrap()).to_string(), "-0.5");
    }

    #[test]
    fn what_is_no_number_is_none() {
        for bad in ["", "-", ".5", "5.", "1e3", "+1", "1,5", "--1", "0.0000000001", "1234567890123456789"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }
}
