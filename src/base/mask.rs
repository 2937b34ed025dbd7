//! Hiding what a value names: people's phone numbers (`+39…67`), and what was given under a secret's name.

use serde_json::Value;

use super::phone::PhoneNumber;

/// What stands for a secret.
const HIDDEN: &str = "(hidden)";
/// What stands for a character that is hidden in code.
const COVER: char = '•';
/// A member whose name holds one of these, in small letters and without separators, is taken for a secret.
const SECRET: [&str; 10] = [
    "secret",
    "password",
    "passwd",
    "token",
    "apikey",
    "authkey",
    "privatekey",
    "credential",
    "authorization",
    "cookie",
];
/// … or is one of these.
const SECRET_WORDS: [&str; 5] = ["pin", "otp", "cvv", "cvc", "signature"];
/// A member of these names, or that holds `phone`, may be a number without its plus.
const NUMBER_WORDS: [&str; 5] = ["to", "from", "waid", "mobile", "tel"];
/// Digits of a number that is written with a plus: at least so many (ITU-T E.164 allows 15 at most).
const DIGITS: std::ops::RangeInclusive<usize> = 7..=15;

/// The digits of a number, and what stands for them.
pub struct Hidden {
    digits: String,
    mask: String,
}

impl Hidden {
    /// Of a number with or without `whatsapp:` and plus; `None` for what is no number.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let bare = text.strip_prefix("whatsapp:").unwrap_or(text);
        let digits = bare.strip_prefix('+').unwrap_or(bare);
        if digits.len() < 5 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mask = match PhoneNumber::sender(&format!("+{digits}")) {
            Ok(number) => number.masked().trim_start_matches('+').to_owned(),
            Err(_) => format!("{}…{}", &digits[..2], &digits[digits.len() - 2..]),
        };
        Some(Self { digits: digits.to_owned(), mask })
    }

    /// Puts the mask in place of the digits wherever they stand, however deep; names of members too.
    pub fn hide(&self, value: &mut Value) {
        match value {
            Value::String(text) if text.contains(&self.digits) => {
                *text = text.replace(&self.digits, &self.mask);
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.hide(item)),
            Value::Object(members) => {
                if members.keys().any(|name| name.contains(&self.digits)) {
                    let named = std::mem::take(members).into_iter();
                    *members =
                        named.map(|(name, value)| (name.replace(&self.digits, &self.mask), value)).collect();
                }
                members.values_mut().for_each(|member| self.hide(member));
            }
            Value::Number(number) if number.to_string().contains(&self.digits) => {
                *value = Value::String(number.to_string().replace(&self.digits, &self.mask));
            }
            _ => {}
        }
    }
}

/// Every number that a value names: with a plus (or `00`) in any text, or as a member that is called like one.
#[must_use]
pub fn numbers(value: &Value) -> Vec<Hidden> {
    let mut found = Vec::new();
    collect(value, &mut found);
    // The longest first: one may be the beginning of another.
    found.sort_by_key(|hidden: &Hidden| std::cmp::Reverse(hidden.digits.len()));
    found.dedup_by(|a, b| a.digits == b.digits);
    found
}

fn collect(value: &Value, found: &mut Vec<Hidden>) {
    match value {
        Value::String(text) => in_text(text, found),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => {
            for (name, member) in members {
                in_text(name, found);
                let plain = plain(name);
                if NUMBER_WORDS.contains(&plain.as_str()) || plain.contains("phone") {
                    found.extend(match member {
                        Value::String(text) => Hidden::of(&text.replace([' ', '-', '.', '(', ')'], "")),
                        Value::Number(number) => Hidden::of(&number.to_string()),
                        _ => None,
                    });
                }
                collect(member, found);
            }
        }
        _ => {}
    }
}

/// The numbers in a text that are written with a plus or `00`.
fn in_text(text: &str, found: &mut Vec<Hidden>) {
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c == '+' || c.is_ascii_digit()) {
        let run = &rest[start..];
        let plus = usize::from(run.starts_with('+'));
        let length = run[plus..].bytes().take_while(u8::is_ascii_digit).count();
        let digits = &run[plus..plus + length];
        let digits = if plus == 1 { Some(digits) } else { digits.strip_prefix("00") };
        if let Some(digits) = digits.filter(|digits| DIGITS.contains(&digits.len())) {
            found.extend(Hidden::of(digits));
        }
        rest = &run[plus + length..];
    }
}

/// Hides the members that are called like a secret, however deep; whether there were any.
pub fn hide_secrets(value: &mut Value) -> bool {
    match value {
        Value::Array(items) => items.iter_mut().fold(false, |any, item| hide_secrets(item) | any),
        Value::Object(members) => members.iter_mut().fold(false, |any, (name, member)| {
            if is_secret(name) && !member.is_null() {
                *member = HIDDEN.into();
                return true;
            }
            hide_secrets(member) | any
        }),
        _ => false,
    }
}

fn is_secret(name: &str) -> bool {
    let plain = plain(name);
    SECRET_WORDS.contains(&plain.as_str()) || SECRET.iter().any(|word| plain.contains(word))
}

/// Hides in a line of an author's code what looks like a key or a person's number; every other character stays where it
/// is, for a caret may point at it.
///
/// A key is a word of 20 characters or more with digits in it, as Twilio and others make them, or what is written in quotes
/// behind a secret's name. The ids of Twilio's things (`SM…`, `HX…`) are none.
#[must_use]
pub fn hide_in_code(line: &str) -> String {
    let mut chars: Vec<char> = line.chars().collect();
    let is_word = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '_' | '=' | '-' | '.');
    for (start, end) in runs(&chars, is_word) {
        let word = &chars[start..end];
        let is_url = start > 0 && chars[start - 1] == ':' && word.starts_with(&['/', '/']);
        if !is_url && looks_like_a_key(word) {
            chars[start..end].fill(COVER);
        }
    }
    for (start, end) in runs(&chars, char::is_ascii_digit) {
        let has_plus = start > 0 && chars[start - 1] == '+' || chars[start..end].starts_with(&['0', '0']);
        if has_plus && DIGITS.contains(&(end - start)) {
            chars[start + 2..end - 2].fill(COVER);
        }
    }
    let names = runs(&chars, |c| c.is_alphanumeric() || matches!(c, '_' | '$' | '-'));
    for (start, end) in names {
        if is_secret(&chars[start..end].iter().collect::<String>()) {
            cover_value(&mut chars, end);
        }
    }
    chars.into_iter().collect()
}

/// Where characters of a kind follow each other.
fn runs(chars: &[char], kind: impl Fn(&char) -> bool) -> Vec<(usize, usize)> {
    let mut runs = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let length = chars[at..].iter().take_while(|c| kind(c)).count();
        if length > 0 {
            runs.push((at, at + length));
        }
        at += length.max(1);
    }
    runs
}

fn looks_like_a_key(word: &[char]) -> bool {
    let digits = word.iter().filter(|c| c.is_ascii_digit()).count();
    let is_id = word.len() == 34
        && word[..2].iter().all(char::is_ascii_uppercase)
        && word[2..].iter().all(char::is_ascii_hexdigit);
    word.len() >= 20 && digits >= 3 && word.iter().any(char::is_ascii_alphabetic) && !is_id
}

/// Covers what stands in quotes behind a name, as in `name: "…"` or `name = '…'`.
fn cover_value(chars: &mut [char], name_end: usize) {
    let is_quote = |c: char| matches!(c, '"' | '\'' | '`');
    let mut at = name_end;
    let mut has_sign = false;
    while let Some(c) = chars.get(at).copied() {
        match c {
            _ if is_quote(c) && has_sign => {
                let inside = chars[at + 1..].iter_mut();
                return inside.take_while(|inner| **inner != c).for_each(|inner| *inner = COVER);
            }
            ':' | '=' => has_sign = true,
            _ if c.is_whitespace() || is_quote(c) => {}
            _ => return,
        }
        at += 1;
    }
}

/// A name in small letters, without what separates its words.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_are_hidden_wherever_they_stand() {
        let mut value = json!({
            "order": { "phoneNumber": "+393331234567", "note": "call 00393331234567 or +14155238886" },
            "WaId": "525512345678", "list": ["393331234567", 393_331_234_567_u64], "+393331234567": 1,
            "phone": "(415) 555-0100", "orderId": 20_240_115, "at": "2024-01-15T10:00:00+0100", "sum": "+5",
        });
        for number in numbers(&value) {
            number.hide(&mut value);
        }
        assert_eq!(
            value,
            json!({
                "order": { "phoneNumber": "+39…67", "note": "call 0039…67 or +14…86" },
                "WaId": "52…78", "list": ["39…67", "39…67"], "+39…67": 1,
                "phone": "(415) 555-0100", "orderId": 20_240_115, "at": "2024-01-15T10:00:00+0100", "sum": "+5",
            })
        );
    }

    #[test]
    fn code_hides_keys_and_numbers_and_keeps_its_columns() {
        let cover = |length: usize| "•".repeat(length);
        let key = "0123456789abcdef0123456789abcdef";
        for (line, shown) in [
            (format!("const k = \"{key}\", n = 1;"), format!("const k = \"{}\", n = 1;", cover(32))),
            ("f('a/b+c0123456789abcdef==')".to_owned(), format!("f('{}')", cover(23))),
            ("// old: x9f8e7d6c5b4a3x2y1z0".to_owned(), format!("// old: {}", cover(20))),
            ("password: 'hunter2', b: 'x'".to_owned(), format!("password: '{}', b: 'x'", cover(7))),
            ("\"auth_key\" = `it's`".to_owned(), format!("\"auth_key\" = `{}`", cover(4))),
            ("apiKey = 'open".to_owned(), format!("apiKey = '{}", cover(4))),
            ("send(\"+393331234567\")".to_owned(), format!("send(\"+39{}67\")", cover(8))),
        ] {
            assert_eq!(hide_in_code(&line), shown);
            assert_eq!(line.chars().count(), shown.chars().count());
        }
        for plain in [
            "const sid = \"HX0123456789abcdef0123456789abcdef\";",
            "fetch(\"https://example.com/images/2024/01/15/a.png\")",
            "utils.sendWhatsappMessageWithSettings(account, key, from, to)",
            "const total = 12345678901234567890123;",
            "if (token === undefined) { return \"a\"; }",
            "",
        ] {
            assert_eq!(hide_in_code(plain), plain);
        }
    }

    #[test]
    fn what_is_called_like_a_secret_is_hidden() {
        let mut value = json!({
            "secretKey": "k", "auth_key": "k", "user": { "Password": "p", "PIN": 1234, "api-key": null },
            "list": [{ "accessToken": { "deep": 1 } }], "keyboard": "qwerty", "pinned": true, "orderKey": 7,
        });
        assert!(hide_secrets(&mut value));
        assert_eq!(
            value,
            json!({
                "secretKey": HIDDEN, "auth_key": HIDDEN, "user": { "Password": HIDDEN, "PIN": HIDDEN, "api-key": null },
                "list": [{ "accessToken": HIDDEN }], "keyboard": "qwerty", "pinned": true, "orderKey": 7,
            })
        );
        assert!(!hide_secrets(&mut json!({ "orderId": 7, "list": ["secret"] })));
    }
}
