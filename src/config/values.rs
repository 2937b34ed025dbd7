//! Values that are more than a text or a number: addresses, URLs, SIDs, numbers in a range.

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use toml::de::DeValue;
use url::Url;

use super::params::Address;
use super::reader::Field;
use super::secrets::{looks_like_a_placeholder, looks_like_a_secret};
use crate::base::{TimeZone, nearest, shown};

/// Reads a listening address: `ip:port`, or `localhost:port` for `127.0.0.1`; port 0 asks for a free one.
///
/// # Errors
/// What is wanted, as a sentence that can follow "… ".
pub fn parse_address(text: &str) -> Result<Address, &'static str> {
    let localhost = || {
        let port = text.strip_prefix("localhost:")?.parse().ok()?;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    };
    text.parse().ok().or_else(localhost).ok_or(
        "must be an address to listen on, `ip:port` or `localhost:port`, such as `127.0.0.1:8080` (only this \
         computer) or `0.0.0.0:8080` (every network)",
    )
}

pub(super) fn address(field: &Field<'_>) -> Option<Address> {
    parse_address(field.text()?)
        .or_else(|wanted| {
            field.invalid(wanted, "write the IP address and the port of the listener").ok_or(())
        })
        .ok()
}

/// An address; `None` for `off`, too.
pub(super) fn address_or_off(field: &Field<'_>) -> Option<Address> {
    let text = field.text().filter(|text| *text != "off")?;
    parse_address(text)
        .or_else(|wanted| {
            field.invalid(wanted, "write an address, or \"off\" for no such listener").ok_or(())
        })
        .ok()
}

/// One of a few words.
pub(super) fn one_of<T: Copy>(field: &Field<'_>, words: &[(&str, T)]) -> Option<T> {
    let text = field.text()?;
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Some(*value);
    }
    let quoted: Vec<String> = words.iter().map(|(word, _)| format!("\"{word}\"")).collect();
    let wanted = match quoted.split_last() {
        Some((last, others)) if !others.is_empty() => format!("must be {} or {last}", others.join(", ")),
        _ => format!("must be {}", quoted.concat()),
    };
    let help = nearest(text, words.iter().map(|(word, _)| *word))
        .map_or_else(|| "choose one of these".to_owned(), |word| format!("did you mean \"{word}\"?"));
    field.invalid(wanted, help)
}

/// A time zone's name.
pub(super) fn time_zone(field: &Field<'_>) -> Option<TimeZone> {
    let text = field.text()?;
    TimeZone::parse(text)
        .or_else(|error| {
            let help = match &error.nearest {
                Some(zone) => format!("did you mean \"{zone}\"?"),
                None => {
                    "write a name of the IANA database, a continent and a city: \"Europe/Rome\"".to_owned()
                }
            };
            field
                .invalid(format!("names no time zone of the IANA database: `{}`", shown(text)), help)
                .ok_or(())
        })
        .ok()
}

/// A whole number in a range; `unit` follows the range in the message.
pub(super) fn whole(field: &Field<'_>, range: RangeInclusive<u32>, unit: &str) -> Option<u32> {
    let wanted = format!("a whole number from {} to {}{unit}", range.start(), range.end());
    let DeValue::Integer(integer) = field.value else {
        return field.wrong_type(&wanted, "write the number without quotes and without a decimal point");
    };
    let number = u32::from_str_radix(integer.as_str(), integer.radix()).ok();
    let in_range = number.filter(|number| range.contains(number));
    in_range.or_else(|| field.invalid(format!("must be {wanted}"), "choose a number in this range"))
}

/// A list, each element read by `read`; `None` when it is none, or something in it was reported.
pub(super) fn list<T>(
    field: &Field<'_>,
    help: &str,
    read: impl Fn(&Field<'_>) -> Option<T>,
) -> Option<Vec<T>> {
    let Some(elements) = field.elements() else { return field.wrong_type("a list", help) };
    // Not straight into an Option, which would stop at the first problem.
    let read: Vec<Option<T>> = elements.iter().map(read).collect();
    read.into_iter().collect()
}

/// True or false.
pub(super) fn boolean(field: &Field<'_>) -> Option<bool> {
    match field.value {
        DeValue::Boolean(truth) => Some(*truth),
        _ => field.wrong_type("true or false", "write `true` or `false`, without quotes"),
    }
}

/// A path, relative to the parameter file's folder.
pub(super) fn path(field: &Field<'_>) -> Option<PathBuf> {
    let text = field.text()?;
    if text.is_empty() || text.contains('\0') {
        return field.invalid(
            "must be a path",
            "write a path; one that does not begin with `/` starts at this file's folder",
        );
    }
    Some(field.source.resolve(text))
}

/// An http(s) URL that others are built upon: nothing after the path, no trailing slash.
pub(super) fn base_url(field: &Field<'_>, example: &str) -> Option<Url> {
    let help = format!("write it like \"{example}\"");
    let Ok(mut url) = Url::parse(field.text()?) else {
        return field.invalid("must be a whole URL", help);
    };
    if !matches!(url.scheme(), "http" | "https") {
        return field.invalid("must begin with http:// or https://", help);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return field.invalid("must not hold a user name or a password", help);
    }
    if url.query().is_some() || url.fragment().is_some() {
        return field.invalid("must end with its path, without `?` and `#`", help);
    }
    let trimmed = url.path().trim_end_matches('/').to_owned();
    url.set_path(&trimmed);
    Some(url)
}

/// The host's own URL, as Twilio will call it.
pub(super) fn public_url(field: &Field<'_>) -> Option<Url> {
    let url = base_url(field, "https://bots.example.com")?;
    if url.host_str().is_some_and(|host| host.contains('_')) {
        return field.invalid(
            "has an underscore in its host name, which Twilio refuses",
            "use a host name without one",
        );
    }
    Some(url)
}

/// One of Twilio's SIDs: a two-letter prefix and 32 hexadecimal digits
/// (<https://www.twilio.com/docs/glossary/what-is-a-sid>).
pub(super) fn sid(field: &Field<'_>, prefix: &str, what: &str) -> Option<String> {
    let text = field.text()?;
    let hexadecimal = |rest: &str| rest.len() == 32 && rest.bytes().all(|b| b.is_ascii_hexdigit());
    if text.strip_prefix(prefix).is_some_and(hexadecimal) {
        return Some(text.to_owned());
    }
    let found = found_instead(text, prefix).unwrap_or_else(|| format!("is not {what}"));
    field.invalid(
        found,
        format!(
            "{what} looks like `{prefix}` followed by 32 hexadecimal digits; copy it from Twilio's console"
        ),
    )
}

/// What a text is that should have been a SID with `prefix`; never the text itself, which may be a secret.
fn found_instead(text: &str, prefix: &str) -> Option<String> {
    let kind = text.get(..2).filter(|kind| *kind != prefix);
    let kind = kind.and_then(|kind| SID_KINDS.iter().find(|(known, _)| *known == kind));
    if let Some((_, what)) = kind {
        return Some(format!("holds the SID of {what}"));
    }
    if text.starts_with('+') || text.starts_with("whatsapp:") {
        return Some("holds a phone number, which belongs in `from_phone_number`".to_owned());
    }
    if text.contains('@') {
        return Some("holds an email address".to_owned());
    }
    if looks_like_a_placeholder(text) {
        return Some("holds a placeholder".to_owned());
    }
    if looks_like_a_secret(text) {
        let home = if prefix == "SK" { "`api_key_secret`" } else { "`auth_key`" };
        return Some(format!("holds what looks like a secret, which belongs in {home}"));
    }
    let begins = text.get(..2).is_some_and(|kind| kind.eq_ignore_ascii_case(prefix));
    if !begins {
        return None;
    }
    let length = text.chars().count();
    Some(if length != 34 {
        format!("has {length} characters instead of 34")
    } else if text.starts_with(prefix) {
        "has other characters than hexadecimal digits behind its two letters".to_owned()
    } else {
        format!("does not begin with `{prefix}` in capitals")
    })
}

/// Kinds of SIDs that get mixed up, by their prefixes.
static SID_KINDS: &[(&str, &str)] = &[
    ("AC", "an account, which belongs in `account_id`"),
    ("SK", "an API key, which belongs in `api_key_id`, with `api_key_secret`"),
    ("MG", "a messaging service, which belongs in `messaging_service_id`"),
    ("US", "a user of Twilio's console"),
    ("OR", "an organization of Twilio's console"),
    ("HX", "a template, which belongs in a section `templates`"),
    ("PN", "a phone number: `from_phone_number` takes the number itself"),
    ("XE", "a WhatsApp sender: `from_phone_number` takes its number"),
    ("SM", "a message"),
    ("MM", "a message"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_ip_and_a_port() {
        assert_eq!(parse_address("127.0.0.1:8080"), Ok(SocketAddr::from(([127, 0, 0, 1], 8080))));
        assert_eq!(parse_address("localhost:0"), Ok(SocketAddr::from(([127, 0, 0, 1], 0))));
        assert!(parse_address("[::1]:8080").is_ok());
        for bad in
            ["", "8080", ":8080", "localhost", "localhost:", "localhost:99999", "example.com:80", "*:80"]
        {
            assert!(parse_address(bad).is_err(), "{bad}");
        }
    }
}
