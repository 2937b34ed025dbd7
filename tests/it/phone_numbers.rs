//! The recipient of a message: what is read as which number, and what is refused why.
//!
//! The contract: international (`+39…`, `0039…`) or national, then a number of the country of `default_country_prefix`;
//! one leading `whatsapp:`, spaces, dots, dashes and parentheses are tolerated; anything else is refused.

use boatswain::base::{CountryPrefix, InvalidPhoneNumber, PhoneNumber};

use Expected::{Characters, E164, Impossible, Missing, WrongKind};

/// What comes of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    E164(&'static str),
    Missing,
    Characters,
    Impossible,
    WrongKind,
}

/// `default_country_prefix`, what an author writes, what comes of it.
#[rustfmt::skip] // a row is a line
const NUMBERS: &[(&str, &str, Expected)] = &[
    // Italian numbers, national and international; a landline keeps its zero.
    ("+39", "3331234567", E164("+393331234567")),
    ("+39", "06 6982 1234", E164("+390669821234")),
    ("+39", "011 4361111", E164("+390114361111")),
    ("+39", "0549 886377", E164("+390549886377")),
    ("+39", "+39 0549 886377", E164("+390549886377")),
    ("+39", "+378 0549 886377", E164("+3780549886377")),
    ("+39", "393331234567", E164("+393331234567")),
    ("+39", "391 234 5678", E164("+393912345678")),
    ("+39", "39 391 234 5678", E164("+393912345678")),
    ("+39", "+39 333 123 4567", E164("+393331234567")),
    ("+39", "+39 06 6982 1234", E164("+390669821234")),
    ("+39", "0039 333 1234567", E164("+393331234567")),
    ("+39", "0039 02 8646 3333", E164("+390286463333")),
    ("+39", "+881 6 12345678", E164("+881612345678")),
    ("+39", "+870 301 234 567", E164("+870301234567")),
    // Other countries: their own national form under their own prefix, and international form under any.
    ("+44", "07911 123456", E164("+447911123456")),
    ("+44", "+44 7911 123456", E164("+447911123456")),
    ("+44", "+44 (0)7911 123456", E164("+447911123456")),
    ("+44", "020 7946 0958", E164("+442079460958")),
    ("+44", "07781 123456", E164("+447781123456")),
    ("+44", "7911 123456", E164("+447911123456")),
    ("+44", "0044 7911 123456", E164("+447911123456")),
    ("+33", "06 12 34 56 78", E164("+33612345678")),
    ("+33", "+33 6 12 34 56 78", E164("+33612345678")),
    ("+33", "+33 (0)6 12 34 56 78", E164("+33612345678")),
    ("+33", "01 42 68 53 00", E164("+33142685300")),
    ("+33", "0033 6 12 34 56 78", E164("+33612345678")),
    ("+49", "0151 12345678", E164("+4915112345678")),
    ("+49", "+49 151 12345678", E164("+4915112345678")),
    ("+49", "030 227 0", E164("+49302270")),
    ("+49", "030 12345678", E164("+493012345678")),
    ("+1", "415-555-2671", E164("+14155552671")),
    ("+1", "(415) 555-2671", E164("+14155552671")),
    ("+1", "1 415 555 2671", E164("+14155552671")),
    ("+1", "+1 415 555 2671", E164("+14155552671")),
    ("+1", "416 555 0134", E164("+14165550134")),
    ("+1", "876 555 0123", E164("+18765550123")),
    ("+1", "4155552671", E164("+14155552671")),
    ("+41", "079 123 45 67", E164("+41791234567")),
    ("+41", "044 668 18 00", E164("+41446681800")),
    ("+34", "612 34 56 78", E164("+34612345678")),
    ("+34", "91 123 45 67", E164("+34911234567")),
    ("+91", "98765 43210", E164("+919876543210")),
    ("+91", "098765 43210", E164("+919876543210")),
    ("+91", "+91-98765-43210", E164("+919876543210")),
    ("+55", "11 91234-5678", E164("+5511912345678")),
    ("+55", "(11) 91234-5678", E164("+5511912345678")),
    ("+55", "011 91234-5678", E164("+5511912345678")),
    ("+55", "11 3123-4567", E164("+551131234567")),
    ("+55", "+55 11 91234-5678", E164("+5511912345678")),
    ("+52", "55 1234 5678", E164("+525512345678")),
    ("+54", "11 15-2345-6789", E164("+5491123456789")),
    ("+54", "+54 9 11 2345 6789", E164("+5491123456789")),
    ("+54", "011 15 2345 6789", E164("+5491123456789")),
    ("+81", "090-1234-5678", E164("+819012345678")),
    ("+61", "0412 345 678", E164("+61412345678")),
    ("+7", "8 912 345-67-89", E164("+79123456789")),
    ("+7", "912 345 67 89", E164("+79123456789")),
    ("+7", "+7 701 123 4567", E164("+77011234567")),
    ("+351", "912 345 678", E164("+351912345678")),
    ("+31", "06 12345678", E164("+31612345678")),
    ("+32", "0470 12 34 56", E164("+32470123456")),
    ("+43", "0664 123456", E164("+43664123456")),
    ("+45", "20 12 34 56", E164("+4520123456")),
    ("+46", "070-123 45 67", E164("+46701234567")),
    ("+47", "406 12 345", E164("+4740612345")),
    ("+358", "041 2345678", E164("+358412345678")),
    ("+48", "512 345 678", E164("+48512345678")),
    ("+353", "085 012 3456", E164("+353850123456")),
    ("+30", "691 234 5678", E164("+306912345678")),
    ("+90", "0501 234 56 78", E164("+905012345678")),
    ("+972", "050-234-5678", E164("+972502345678")),
    ("+971", "050 123 4567", E164("+971501234567")),
    ("+27", "071 123 4567", E164("+27711234567")),
    ("+234", "0802 123 4567", E164("+2348021234567")),
    ("+254", "0712 123456", E164("+254712123456")),
    ("+86", "131 2345 6789", E164("+8613123456789")),
    ("+65", "8123 4567", E164("+6581234567")),
    ("+62", "0812-345-678", E164("+62812345678")),
    ("+880", "01812-345678", E164("+8801812345678")),
    ("+92", "0301 2345678", E164("+923012345678")),
    ("+212", "0650-123456", E164("+212650123456")),
    ("+20", "0100 123 4567", E164("+201001234567")),
    ("+40", "0712 034 567", E164("+40712034567")),
    ("+380", "050 123 4567", E164("+380501234567")),
    ("+355", "067 212 3456", E164("+355672123456")),
    ("+44", "+44 1481 960194", E164("+441481960194")),
    ("+1", "+44 7911 123456", E164("+447911123456")),
    ("+49", "0039 333 1234567", E164("+393331234567")),
    ("+91", "91 98765 43210", E164("+919876543210")),
    ("+1", "0014155552671", E164("+14155552671")),
    ("+44", "447911123456", E164("+447911123456")),
    // What may stand around and between the digits: spaces, dots, dashes, parentheses.
    ("+39", "333 123 4567", E164("+393331234567")),
    ("+39", "333.123.4567", E164("+393331234567")),
    ("+39", "333-123-4567", E164("+393331234567")),
    ("+39", "(333) 1234567", E164("+393331234567")),
    ("+39", "+39(333)1234567", E164("+393331234567")),
    ("+39", "(+39) 333 1234567", E164("+393331234567")),
    ("+39", "(0039) 333 1234567", E164("+393331234567")),
    ("+39", "+ 39 333 1234567", E164("+393331234567")),
    ("+39", "-+39 333 1234567", E164("+393331234567")),
    ("+39", "+(39)3331234567", E164("+393331234567")),
    ("+39", "333\u{a0}123\u{a0}4567", E164("+393331234567")),
    ("+39", "\u{a0}3331234567\u{a0}", E164("+393331234567")),
    ("+39", "   333 1234567   ", E164("+393331234567")),
    ("+39", "+39 333 1234567 (          )", E164("+393331234567")),
    ("+39", "00 39 333 1234567", E164("+393331234567")),
    ("+39", "0-0-39 333 1234567", E164("+393331234567")),
    ("+39", "+ (39) 333.123.45-67", E164("+393331234567")),
    ("+39", "333 (123) (4567)", E164("+393331234567")),
    ("+39", "(333 1234567", E164("+393331234567")),
    // One leading `whatsapp:`, spelt like that; no other scheme.
    ("+39", "whatsapp:+393331234567", E164("+393331234567")),
    ("+39", "whatsapp: +39 333 1234567", E164("+393331234567")),
    ("+39", " whatsapp:+393331234567", E164("+393331234567")),
    ("+39", "whatsapp:3331234567", E164("+393331234567")),
    ("+39", "whatsapp:00393331234567", E164("+393331234567")),
    ("+39", "whatsapp:whatsapp:+393331234567", Characters),
    ("+39", "WhatsApp:+393331234567", Characters),
    ("+39", "whatsapp", Characters),
    ("+39", "whatsapp+393331234567", Characters),
    ("+39", "sms:+393331234567", Characters),
    ("+39", "tel:+393331234567", Characters),
    ("+39", "whatsapp:(+39) 333 1234567", E164("+393331234567")),
    ("+39", "whatsapp:\u{a0}+393331234567", E164("+393331234567")),
    // Almost a number. Reading it would be a guess, and a guess may be somebody else's phone.
    ("+39", "669821234", Impossible),
    ("+39", "+39 6 6982 1234", Impossible),
    ("+1", "011 39 333 1234567", Impossible),
    ("+55", "0015 11 91234 5678", Impossible),
    ("+52", "+52 1 55 1234 5678", Impossible),
    ("+39", "+00393331234567", Impossible),
    ("+39", "000393331234567", Impossible),
    ("+39", "+06 6982 1234", Impossible),
    ("+44", "+07911 123456", Impossible),
    ("+1", "011 43 664 123456", Impossible),
    ("+7", "8 10 39 333 1234567", Impossible),
    ("+1", "+4155552671", Impossible),
    ("+39", "+3331234567", Impossible),
    // Numbers that exist, and no phone that could have WhatsApp: premium, toll-free, shared cost, voicemail, internet
    // telephony.
    ("+44", "0800 123 4567", WrongKind),
    ("+44", "070 1234 5678", WrongKind),
    ("+44", "0909 8790123", WrongKind),
    ("+44", "056 1234 5678", WrongKind),
    ("+33", "0800 123 456", WrongKind),
    ("+33", "0899 12 34 56", WrongKind),
    ("+49", "0800 1234567", WrongKind),
    ("+49", "0900 1 234567", WrongKind),
    ("+1", "800 555 2671", WrongKind),
    ("+1", "900 555 2671", WrongKind),
    ("+1", "500 555 0006", WrongKind),
    ("+91", "1800 123 4567", WrongKind),
    ("+39", "+883 5100 1234 5678", WrongKind),
    ("+39", "+800 1234 5678", WrongKind),
    ("+39", "+808 1234 5678", WrongKind),
    ("+39", "+979 123 456 789", WrongKind),
    ("+39", "+888 123 456 78901", WrongKind),
    ("+39", "333 123 4567 8", WrongKind),
    ("+39", "899 123456", WrongKind),
    ("+39", "+39 899 123456", WrongKind),
    ("+39", "800 123456", WrongKind),
    ("+39", "848 123456", WrongKind),
    ("+39", "178 123 4567", WrongKind),
    ("+39", "199 123456", WrongKind),
    ("+39", "555 1234567", WrongKind),
    ("+39", "3331234567.0", WrongKind),
    // No number of any country, or none of this one: too short, too long, emergency and short codes, signs alone.
    ("+44", "999", Impossible),
    ("+44", "076 1234 5678", Impossible),
    ("+1", "555-2671", Impossible),
    ("+1", "911", Impossible),
    ("+1", "115 555 2671", Impossible),
    ("+1", "415 155 2671", Impossible),
    ("+55", "11 1234-5678", Impossible),
    ("+39", "+", Impossible),
    ("+39", "00", Impossible),
    ("+39", "0", Impossible),
    ("+39", "+39", Impossible),
    ("+39", "0039", Impossible),
    ("+39", "()", Impossible),
    ("+39", "-", Impossible),
    ("+39", ".", Impossible),
    ("+39", "+0", Impossible),
    ("+39", "+999 1234567", Impossible),
    ("+39", "12", Impossible),
    ("+39", "112", Impossible),
    ("+39", "118", Impossible),
    ("+39", "4444", Impossible),
    ("+39", "+3933", Impossible),
    ("+39", "333 123", Impossible),
    ("+39", "+39 333 123 456 789 012", Impossible),
    ("+39", "9007199254740991", Impossible),
    ("+39", "1234567890123456", Impossible),
    ("+39", "0000000000", Impossible),
    ("+39", "3331234567 3337654321", Impossible),
    ("+39", "+8835100123", Impossible),
    // Nothing.
    ("+39", "whatsapp:", Missing),
    ("+39", "", Missing),
    ("+39", " ", Missing),
    ("+39", "   ", Missing),
    ("+39", "\u{a0}", Missing),
    // Anything else among the digits.
    ("+39", "３３３１２３４５６７", Characters),
    ("+39", "＋393331234567", Characters),
    ("+39", "٣٣٣١٢٣٤٥٦٧", Characters),
    ("+39", "३३३१२३४५६७", Characters),
    ("+39", "333 CALL NOW", Characters),
    ("+39", "hello 3331234567", Characters),
    ("+39", "333123456a", Characters),
    ("+39", "3331234567x12", Characters),
    ("+39", "+393331234567;ext=1", Characters),
    ("+39", "+39 333 1234567 ext. 12", Characters),
    ("+39", "3331234567, 3337654321", Characters),
    ("+39", "3331234567/3337654321", Characters),
    ("+39", "333/1234567", Characters),
    ("+39", "+393331234567 +393337654321", Characters),
    ("+39", "++393331234567", Characters),
    ("+39", "+39+3331234567", Characters),
    ("+39", "333+1234567", Characters),
    ("+39", "3331234567+", Characters),
    ("+39", "333_1234567", Characters),
    ("+39", "333*1234567", Characters),
    ("+39", "#3331234567", Characters),
    ("+39", "null", Characters),
    ("+39", "3.331234567e9", Characters),
    ("+39", "+39                    333              1234567", Characters),
    ("+39", "'3331234567", Characters),
    ("+39", "AC00000000000000000000000000000001", Characters),
    ("+39", "IT.1349105389263424", Characters),
    ("+39", "3331234567@c.us", Characters),
    ("+39", "333😀1234567", Characters),
    // Characters that are not seen, and digits, signs and dashes of other scripts.
    ("+39", "\t", Characters),
    ("+39", "\n", Characters),
    ("+39", "333\t1234567", Characters),
    ("+39", "333\n1234567", Characters),
    ("+39", "3331234567\n", Characters),
    ("+39", "\t3331234567", Characters),
    ("+39", "3331234567\r\n", Characters),
    ("+39", "333\u{0}1234567", Characters),
    ("+39", "3331234567\u{0}", Characters),
    ("+39", "333\u{200b}1234567", Characters),
    ("+39", "\u{202a}+39 333 1234567\u{202c}", Characters),
    ("+39", "\u{feff}3331234567", Characters),
    ("+39", "333\u{2009}1234567", Characters),
    ("+39", "3331234567\u{2009}", Characters),
    ("+39", "333‑1234567", Characters),
    ("+39", "333–1234567", Characters),
    ("+39", "−3331234567", Characters),
    ("+39", "\u{85}3331234567", Characters),
    ("+39", "3331234567\u{3000}", Characters),
];

#[test]
fn every_number_is_read_as_the_contract_says() {
    let wrong: Vec<String> = NUMBERS
        .iter()
        .filter_map(|(prefix, text, expected)| {
            let read = PhoneNumber::recipient(text, CountryPrefix::parse(prefix).unwrap());
            let fits = match (&read, expected) {
                (Ok(number), E164(expected)) => number.as_str() == *expected,
                (Err(InvalidPhoneNumber::Missing), Missing)
                | (Err(InvalidPhoneNumber::Characters(_)), Characters)
                | (Err(InvalidPhoneNumber::Impossible(..)), Impossible)
                | (Err(InvalidPhoneNumber::WrongKind(_)), WrongKind) => true,
                _ => false,
            };
            let read = read.map(|number| number.to_string());
            (!fits).then(|| format!("{text:?} under {prefix}: {read:?}, not {expected:?}"))
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), NUMBERS.len(), wrong.join("\n"));
}

/// What was read once is read again as the same number, under any prefix: actions store what they were told.
#[test]
fn what_was_read_is_read_again_under_any_prefix() {
    for expected in NUMBERS.iter().filter_map(|(_, _, expected)| match expected {
        E164(number) => Some(*number),
        _ => None,
    }) {
        for prefix in ["+39", "+1", "+44", "+7"] {
            let prefix = CountryPrefix::parse(prefix).unwrap();
            for text in [expected.to_owned(), format!("whatsapp:{expected}"), expected.replacen('+', "00", 1)]
            {
                let read = PhoneNumber::recipient(&text, prefix).map(|number| number.to_string());
                assert_eq!(read.as_deref(), Ok(expected), "{text} under {prefix}");
            }
        }
    }
}

/// The sentence for the author shows what was given, and never more than a line of it.
#[test]
fn a_refusal_shows_what_was_given_on_one_line() {
    for (prefix, text, _) in NUMBERS {
        if let Err(error) = PhoneNumber::recipient(text, CountryPrefix::parse(prefix).unwrap()) {
            let sentence = error.to_string();
            assert!(!sentence.chars().any(char::is_control), "{text:?}: {sentence:?}");
            assert!(sentence.len() < 400, "{text:?}: {sentence}");
        }
    }
}

/// A sender is international, and no country's dialling habits are applied to it.
#[test]
fn a_sender_is_not_guessed_either() {
    for bad in ["+06 6982 1234", "3331234567", "+00393331234567", "+393331234567\n", "011 39 333 1234567"] {
        assert!(PhoneNumber::sender(bad).is_err(), "{bad:?}");
    }
    for good in
        ["+14155238886", "(+1) 415 523-8886", "0014155238886", "whatsapp:+14155238886", "+1 800 555 2671"]
    {
        assert!(PhoneNumber::sender(good).is_ok(), "{good:?}");
    }
}
