//! Phone numbers in E.164 form.

use std::fmt;
use std::sync::Arc;

use rlibphonenumber::{PHONE_NUMBER_UTIL, PhoneNumberFormat, PhoneNumberType};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Why a text is not a number that a WhatsApp message can go to; the sentence is for the author.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPhoneNumber {
    /// Nothing was given.
    #[error("the phone number is missing")]
    Missing,
    /// Something stands in it that is no digit, sign or separator.
    #[error(
        "`{0}` is not a phone number: give the international form (`+39…` or `0039…`) or the national one, digits \
         with spaces, dots, dashes or parentheses only"
    )]
    Characters(String),
    /// The digits are no number of any country, or none of the default country.
    #[error("`{0}` is not a possible phone number {1}")]
    Impossible(String, String),
    /// A number that exists but is neither mobile nor fixed line: premium, toll-free, voicemail.
    #[error("`{0}` is neither a mobile nor a fixed-line number, so WhatsApp cannot deliver to it")]
    WrongKind(String),
}

/// A country's calling code with its plus, such as `+39`: how national numbers are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountryPrefix(u16);

impl CountryPrefix {
    /// Reads `+39`.
    ///
    /// # Errors
    /// A sentence when it is not a plus and the calling code of a country.
    pub fn parse(text: &str) -> Result<Self, String> {
        let code = text
            .strip_prefix('+')
            .filter(|digits| !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit()))
            .and_then(|digits| digits.parse::<u16>().ok())
            .filter(|code| PHONE_NUMBER_UTIL.get_region_for_country_code(i32::from(*code)).is_some());
        code.map(Self).ok_or_else(|| {
            format!("`{}` is not a country prefix, which looks like `+39`", text.escape_debug())
        })
    }
}

impl Default for CountryPrefix {
    /// Italy's, as the contract says.
    fn default() -> Self {
        Self(39)
    }
}

impl fmt::Display for CountryPrefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.0)
    }
}

/// A phone number in E.164 form (ITU-T E.164: a plus and at most 15 digits), known to be possible.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PhoneNumber(Arc<str>);

impl PhoneNumber {
    /// Reads the number of a recipient as an author may write it: international (`+39…`, `0039…`) or national
    /// (then of the country of `default`); one leading `whatsapp:` and spaces, dots, dashes and parentheses are
    /// tolerated. The number must be a mobile or fixed line: whether it has WhatsApp, only Twilio can tell.
    ///
    /// # Errors
    /// [`InvalidPhoneNumber`] says what is wrong, for the author.
    pub fn recipient(text: &str, default: CountryPrefix) -> Result<Self, InvalidPhoneNumber> {
        let number = parse(text, default)?;
        // All of North America is "fixed line or mobile"; some +44 mobiles belong to Guernsey: the region is
        // never compared.
        let kind = PHONE_NUMBER_UTIL.get_number_type(&number);
        match kind {
            PhoneNumberType::Mobile | PhoneNumberType::FixedLine | PhoneNumberType::FixedLineOrMobile => {
                Ok(e164(&number))
            }
            _ => Err(InvalidPhoneNumber::WrongKind(shown(text))),
        }
    }

    /// Reads the number of a sender: international form only, of any kind (senders may be toll-free or virtual).
    ///
    /// # Errors
    /// [`InvalidPhoneNumber`] says what is wrong.
    pub fn sender(text: &str) -> Result<Self, InvalidPhoneNumber> {
        let bare = without_channel(text).trim_start_matches(is_separator);
        if !bare.starts_with('+') && !bare.starts_with("00") && !bare.is_empty() {
            return Err(InvalidPhoneNumber::Impossible(
                shown(text),
                "of a sender: it begins with `+` and the country's code".to_owned(),
            ));
        }
        Ok(e164(&parse(text, CountryPrefix::default())?))
    }

    /// Reads the number of somebody who writes on WhatsApp, which keeps to the numbers that people once registered with:
    /// Mexico has dropped the 1 before its mobiles, Brazil has put a 9 before its own. Gives today's number.
    ///
    /// # Errors
    /// As [`PhoneNumber::sender`].
    pub fn writer(text: &str) -> Result<Self, InvalidPhoneNumber> {
        Self::sender(text).or_else(|error| {
            let bare = without_channel(text);
            let today = match (bare.strip_prefix("+521"), bare.strip_prefix("+55")) {
                (Some(rest), _) if rest.len() == 10 => format!("+52{rest}"),
                (_, Some(rest)) if rest.len() == 10 && rest.is_char_boundary(2) => {
                    format!("+55{}9{}", &rest[..2], &rest[2..])
                }
                _ => return Err(error),
            };
            Self::sender(&today).map_err(|_| error)
        })
    }

    /// The E.164 form, with its plus.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is a number of this country. No country's code is the beginning of another's (ITU-T E.164).
    #[must_use]
    pub fn is_of(&self, country: CountryPrefix) -> bool {
        self.0.starts_with(&country.to_string())
    }

    /// As Twilio names it on WhatsApp: `whatsapp:+39…`.
    #[must_use]
    pub fn whatsapp(&self) -> String {
        format!("whatsapp:{}", self.0)
    }

    /// Its digits, without the plus.
    #[must_use]
    pub fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }

    /// The country that it belongs to, as ISO 3166 writes it (`IT`); `None` for numbers of no country.
    #[must_use]
    pub fn country(&self) -> Option<String> {
        let number = PHONE_NUMBER_UTIL.parse(&self.0, None).ok()?;
        let region = PHONE_NUMBER_UTIL.get_region_for_number(&number)?;
        Some(region.to_string()).filter(|region| region.len() == 2)
    }

    /// With all but the first three and the last two digits hidden, for logs: `+39…12`.
    #[must_use]
    pub fn masked(&self) -> String {
        let text = &*self.0;
        format!("{}…{}", &text[..text.len().min(3)], &text[text.len().saturating_sub(2)..])
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Masked: `Debug` output ends in logs.
impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

/// From the E.164 form.
impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::sender(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl Serialize for PhoneNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// What stands for a space here: the one of the keyboard, and the one that does not break a line, which pages and word
/// processors put into phone numbers.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\u{a0}')
}

/// What may stand around and between the digits.
fn is_separator(c: char) -> bool {
    is_space(c) || matches!(c, '.' | '-' | '(' | ')')
}

fn without_channel(text: &str) -> &str {
    let text = text.trim_matches(is_space);
    text.strip_prefix("whatsapp:").unwrap_or(text).trim_start_matches(is_space)
}

/// What was given; of what is far too long for a number only the beginning, for it may be a key that was put there.
fn shown(text: &str) -> String {
    if text.len() > 30 {
        return text.chars().take(4).flat_map(char::escape_debug).chain(['…']).collect();
    }
    text.chars().flat_map(char::escape_debug).collect()
}

fn parse(text: &str, default: CountryPrefix) -> Result<rlibphonenumber::PhoneNumber, InvalidPhoneNumber> {
    let bare = without_channel(text);
    if bare.is_empty() {
        return Err(InvalidPhoneNumber::Missing);
    }
    // The library reads letters as keypad digits and skips what stands around a number: the characters are
    // judged here.
    let all_known = bare.chars().all(|c| c.is_ascii_digit() || c == '+' || is_separator(c));
    let digits: String = bare.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
    let plus_elsewhere = digits.chars().skip(1).any(|c| c == '+');
    if !all_known || plus_elsewhere || bare.len() > 40 {
        return Err(InvalidPhoneNumber::Characters(shown(text)));
    }
    let international = match digits.strip_prefix("00") {
        Some(rest) => Some(format!("+{rest}")),
        None => digits.starts_with('+').then(|| digits.clone()),
    };
    // The library guesses: with a country at hand it reads `+06…` as that country's `06…`, and knows how each country
    // dials abroad (`011 43…` from the United States). A guess may be somebody else's phone.
    let number = match &international {
        Some(international) => PHONE_NUMBER_UTIL.parse(international, None).ok(),
        None => PHONE_NUMBER_UTIL
            .parse(&digits, PHONE_NUMBER_UTIL.get_region_for_country_code(i32::from(default.0)))
            .ok()
            .filter(|number| number.country_code == i32::from(default.0)),
    };
    // Germany's plan has numbers with 16 digits, which E.164 has not: no WhatsApp account is behind them.
    let number = number
        .filter(|number| PHONE_NUMBER_UTIL.is_valid_number(number) && e164(number).digits().len() <= 15);
    let of = || match international {
        Some(_) => "of any country".to_owned(),
        None => format!("of the country {default} (default_country_prefix)"),
    };
    number.ok_or_else(|| InvalidPhoneNumber::Impossible(shown(text), of()))
}

fn e164(number: &rlibphonenumber::PhoneNumber) -> PhoneNumber {
    PhoneNumber(PHONE_NUMBER_UTIL.format(number, PhoneNumberFormat::E164).as_ref().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, InvalidPhoneNumber> {
        PhoneNumber::recipient(text, CountryPrefix::default()).map(|number| number.to_string())
    }

    #[test]
    fn every_form_of_the_contract_is_read() {
        for form in [
            "+393331234567",
            "00393331234567",
            "3331234567",
            "whatsapp:+393331234567",
            "+39 333 123-45.67",
            "(333) 1234567",
            "(+39) 333 1234567",
            " 333 1234567 ",
        ] {
            assert_eq!(read(form).as_deref(), Ok("+393331234567"), "{form}");
        }
        assert_eq!(
            read("06 6982 1234").as_deref(),
            Ok("+390669821234"),
            "an Italian landline keeps its zero"
        );
        assert_eq!(read("+14155238886").as_deref(), Ok("+14155238886"));
        let france = CountryPrefix::parse("+33").unwrap();
        assert_eq!(PhoneNumber::recipient("06 12 34 56 78", france).unwrap().as_str(), "+33612345678");
    }

    #[test]
    fn everything_else_is_refused() {
        for bad in [
            "",
            "  ",
            "whatsapp:",
            "hello 3331234567",
            "333123456a",
            "+39",
            "+3933",
            "12",
            "++393331234567",
            "+06 6982 1234",
            "+393331234567\n",
            "+39333123456789012",
            "+4961234567345678",
            "３３３１２３４５６７",
            "whatsapp:whatsapp:+393331234567",
            "+393331234567;ext=1",
            "+39 899 123456",
            "800123456",
        ] {
            assert!(read(bad).is_err(), "{bad}: {:?}", read(bad));
        }
    }

    #[test]
    fn a_sender_is_international() {
        assert!(PhoneNumber::sender("+14155238886").is_ok());
        assert!(PhoneNumber::sender("whatsapp:+14155238886").is_ok());
        assert!(PhoneNumber::sender("4155238886").is_err());
    }

    #[test]
    fn a_number_has_a_country() {
        for (number, country) in
            [("+393331234567", Some("IT")), ("+14155238886", Some("US")), ("+16135550123", Some("CA"))]
        {
            assert_eq!(PhoneNumber::sender(number).unwrap().country().as_deref(), country, "{number}");
        }
    }

    #[test]
    fn a_number_is_masked_in_debug_output() {
        let number = PhoneNumber::sender("+393331234567").unwrap();
        assert_eq!(format!("{number:?}"), "+39…67");
    }

    #[test]
    fn a_country_prefix_is_a_countrys() {
        assert!(CountryPrefix::parse("+39").is_ok());
        for bad in ["39", "+", "+0", "+039", "+999", "+39a", ""] {
            assert!(CountryPrefix::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn who_writes_from_a_number_of_before_its_countrys_reform_is_known_by_todays() {
        for (written, known) in [
            ("whatsapp:+393331234567", "+393331234567"),
            ("whatsapp:+5215512345678", "+525512345678"),
            ("whatsapp:+525512345678", "+525512345678"),
            ("whatsapp:+558187654321", "+5581987654321"),
            ("whatsapp:+5581987654321", "+5581987654321"),
            ("whatsapp:+558132345678", "+558132345678"),
        ] {
            assert_eq!(PhoneNumber::writer(written).unwrap().as_str(), known, "{written}");
        }
        for text in
            ["whatsapp:+52155123456789", "whatsapp:+55818765432", "whatsapp:US.13491208655302741918", ""]
        {
            assert!(PhoneNumber::writer(text).is_err(), "{text}");
        }
    }
}
