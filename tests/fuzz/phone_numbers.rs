//! A text is read as a phone number in E.164 or refused; nothing in it is dropped without a word.

use boatswain::base::{CountryPrefix, InvalidPhoneNumber, PhoneNumber};
use proptest::prelude::*;

use crate::cases::{all, edited, edits};

/// Numbers of all kinds and of countries with rules of their own.
const NUMBERS: &[&str] = &[
    "+393331234567",
    "+390669821234",
    "+14155238886",
    "+447911123456",
    "+447781123456",
    "+33612345678",
    "+4915112345678",
    "+525512345678",
    "+5215512345678",
    "+5511987654321",
    "+558187654321",
    "+5491123456789",
    "+41781234567",
    "+3545812345",
    "+376312345",
    "+37861234",
    "+379061234567",
    "+6591234567",
    "+8613812345678",
    "+81901234567",
    "+919876543210",
    "+79123456789",
    "+77011234567",
    "+972501234567",
    "+2250123456789",
    "+26461234567",
    "+290512345",
    "+870773111632",
    "+18005551212",
    "+442079460000",
    "3331234567",
    "06 6982 1234",
    "0039 333 123 4567",
    "(415) 523-8886",
    "00447911123456",
    "whatsapp:+393331234567",
    "whatsapp: +39 333.123.45-67",
    "0612345678",
    "911",
    "112",
    "+39899123456",
    "*67 3331234567",
    "+39333123456;ext=7",
];
const WORDS: &[&str] = &[
    "+",
    "0",
    "00",
    "000",
    "+00",
    "1",
    "9",
    "15",
    "39",
    "whatsapp:",
    "WhatsApp:",
    "tel:",
    " ",
    "\u{a0}",
    "\u{2009}",
    ".",
    "-",
    "(",
    ")",
    "/",
    "\u{2010}",
    "\u{2212}",
    "\u{ff0b}",
    "\u{ff11}",
    "\u{661}",
    "\u{966}",
    "x",
    "ext",
    ";ext=1",
    ",",
    "#",
    "*",
    "\0",
    "\n",
    "\t",
    "\u{200b}",
    "\u{202a}",
    "è",
    "e\u{301}",
    "000000000000000000",
    "0123456789",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (prop::sample::select(NUMBERS), edits(WORDS)).prop_map(|(number, edits)| edited(number, &edits)),
        2 => prop::collection::vec(prop_oneof![prop::sample::select(WORDS), prop::sample::select(NUMBERS)], 0..5).prop_map(|words| words.concat()),
        2 => "(whatsapp:)?(\\+|00)?[0-9 .()-]{0,22}",
        1 => "\\+[1-9][0-9]{5,14}",
        1 => ".{0,30}",
    ]
}

fn country() -> impl Strategy<Value = CountryPrefix> {
    prop::sample::select(vec![
        "+39", "+1", "+44", "+33", "+52", "+54", "+55", "+7", "+49", "+86", "+599", "+378",
    ])
    .prop_map(|prefix| CountryPrefix::parse(prefix).unwrap())
}

/// What the text says if it is a number: its digits, with a plus where it is international; by the contract's words.
fn written(text: &str) -> Option<String> {
    let blank = [' ', '\u{a0}'];
    let text = text.trim_matches(blank);
    let text = text.strip_prefix("whatsapp:").unwrap_or(text);
    let mut digits = String::new();
    for c in text.chars() {
        match c {
            ' ' | '\u{a0}' | '.' | '-' | '(' | ')' => {}
            '+' if digits.is_empty() => digits.push('+'),
            '0'..='9' => digits.push(c),
            _ => return None,
        }
    }
    Some(digits.strip_prefix("00").map(|rest| format!("+{rest}")).unwrap_or(digits))
}

/// E.164: a plus, no zero in front, at most 15 digits.
fn is_e164(text: &str) -> bool {
    let Some(digits) = text.strip_prefix('+') else { return false };
    (5..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0')
}

fn judge(text: &str, read: &Result<PhoneNumber, InvalidPhoneNumber>) -> Result<(), TestCaseError> {
    let number = match read {
        Err(error) => {
            let said = error.to_string();
            prop_assert!(said.chars().count() < 400 && !said.contains(char::is_control), "{:?}", said);
            return Ok(());
        }
        Ok(number) => number,
    };
    prop_assert!(is_e164(number.as_str()), "{}", number.as_str());
    let Some(written) = written(text) else {
        return Err(TestCaseError::fail(format!(
            "{text:?} has what is no part of a number, and was read as {number}"
        )));
    };
    // Countries drop or add digits in front (Italy keeps its zero, Mexico dropped a 1), never at the end.
    let end = &written[written.len().saturating_sub(6)..];
    prop_assert!(number.as_str().ends_with(end.trim_start_matches('+')), "{} of {:?}", number, text);
    if let Some(digits) = written.strip_prefix('+') {
        prop_assert!(number.digits().starts_with(&digits[..1]), "{} of {:?}", number, text);
    }

    prop_assert_eq!(PhoneNumber::sender(number.as_str()), Ok(number.clone()), "read again");
    prop_assert_eq!(PhoneNumber::writer(number.as_str()), Ok(number.clone()), "read again");
    prop_assert_eq!(PhoneNumber::sender(&number.whatsapp()), Ok(number.clone()), "read again");
    prop_assert_eq!(number.whatsapp(), format!("whatsapp:{number}"));
    prop_assert!(
        PhoneNumber::sender(&format!("whatsapp:{}", number.whatsapp())).is_err(),
        "whatsapp: is said once"
    );
    let json = serde_json::to_string(number).unwrap();
    prop_assert_eq!(&serde_json::from_str::<PhoneNumber>(&json).unwrap(), number);
    let masked = format!("{number:?} {}", number.masked());
    prop_assert!(!masked.contains(&number.as_str()[3..number.as_str().len() - 2]), "{}", masked);
    let _ = number.country();
    Ok(())
}

proptest! {
    #![proptest_config(all())]

    #[test]
    fn a_number_is_read_whole_or_refused(text in text(), country in country()) {
        let recipient = PhoneNumber::recipient(&text, country);
        judge(&text, &recipient)?;
        if let Ok(recipient) = &recipient {
            prop_assert_eq!(PhoneNumber::recipient(recipient.as_str(), country), Ok(recipient.clone()), "read again");
            let is_national = written(&text).is_some_and(|written| !written.starts_with('+'));
            prop_assert!(!is_national || recipient.is_of(country), "{} is not of {}", recipient, country);
        }
        judge(&text, &PhoneNumber::sender(&text))?;
    }

    /// Some countries have changed their numbers, and WhatsApp keeps the old ones: those digits are put in or left out.
    #[test]
    fn who_writes_is_known_by_one_number(text in text()) {
        let (writer, sender) = (PhoneNumber::writer(&text), PhoneNumber::sender(&text));
        if sender.is_ok() {
            prop_assert_eq!(writer, sender);
        } else {
            judge(&text, &writer)?;
        }
    }

    #[test]
    fn a_prefix_is_a_countrys_or_refused(text in prop_oneof!["\\+?[0-9]{0,7}", ".{0,8}"]) {
        if let Ok(prefix) = CountryPrefix::parse(&text) {
            prop_assert_eq!(prefix.to_string(), text);
            prop_assert_eq!(CountryPrefix::parse(&prefix.to_string()), Ok(prefix));
        }
    }
}
