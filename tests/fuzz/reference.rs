//! Twilio's signature and the forms that it covers, written a second time from the documents, plainly and without the
//! host's code or libraries: the hash is another library's (aws-lc), the rest is here.
//!
//! Sources: <https://www.twilio.com/docs/usage/security#validating-requests>,
//! <https://url.spec.whatwg.org/#application/x-www-form-urlencoded>, RFC 4648 section 4.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::hmac;
use serde::Deserialize;

/// The fields of a body, in the order in which they stand.
pub fn fields(body: &[u8]) -> Vec<(String, String)> {
    let pieces = body.split(|byte| *byte == b'&').filter(|piece| !piece.is_empty());
    let fields = pieces.map(|piece| {
        let equals = piece.iter().position(|byte| *byte == b'=');
        let (name, value) = equals.map_or((piece, &b""[..]), |at| (&piece[..at], &piece[at + 1..]));
        (decoded(name), decoded(value))
    });
    fields.collect()
}

/// A form's text: `+` is a space, `%` and two hexadecimal digits a byte, anything else itself.
fn decoded(text: &[u8]) -> String {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let digit = |at: usize| text.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (text[at], digit(at + 1), digit(at + 2)) {
            (b'+', ..) => bytes.push(b' '),
            (b'%', Some(high), Some(low)) => {
                bytes.push(u8::try_from(high * 16 + low).unwrap());
                at += 2;
            }
            (byte, ..) => bytes.push(byte),
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What an action sees of fields: each name once, where it stood first, with the value that came last.
pub fn seen(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (name, _) in fields {
        if !seen.iter().any(|(known, _)| known == name) {
            let last = fields.iter().rfind(|(other, _)| other == name).unwrap();
            seen.push((name, &last.1));
        }
    }
    seen
}

/// What is signed: the URL and the fields.
pub fn content(url: &str, fields: &[(String, String)]) -> Vec<u8> {
    [url.as_bytes(), &signed(fields)].concat()
}

/// What is signed of the fields: each name before each of its different values, all in the order of bytes.
pub fn signed(fields: &[(String, String)]) -> Vec<u8> {
    let mut values: BTreeMap<&[u8], BTreeSet<&[u8]>> = BTreeMap::new();
    for (name, value) in fields {
        values.entry(name.as_bytes()).or_default().insert(value.as_bytes());
    }
    let mut signed = Vec::new();
    for (name, values) in values {
        for value in values {
            signed.extend_from_slice(name);
            signed.extend_from_slice(value);
        }
    }
    signed
}

/// The signature of content with an account's token.
pub fn signature(content: &[u8], token: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    base64(hmac::sign(&key, content).as_ref())
}

/// RFC 4648 section 4, with its padding.
pub fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(group.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let digit = ALPHABET[bits >> (18 - 6 * at) & 63];
            text.push(if at <= group.len() { digit.into() } else { '=' });
        }
    }
    text
}

/// A URL in its pieces: what stands in which is known without looking for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    pub scheme: String,
    /// With its `@`, or empty.
    pub user: String,
    pub host: String,
    pub port: Option<String>,
    /// Path, query and fragment: empty, or beginning with `/`, `?` or `#`.
    pub rest: String,
}

impl Address {
    pub fn url(&self) -> String {
        let port = self.port.as_ref().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}://{}{}{port}{}", self.scheme, self.user, self.host, self.rest)
    }

    /// The URLs of which any may have been signed, as the official libraries try them: with and without the port, and
    /// with the apostrophes of the query as they are, as `%27`, and plain.
    pub fn spellings(&self) -> BTreeSet<String> {
        let usual = if self.scheme.eq_ignore_ascii_case("http") { "80" } else { "443" };
        let other = if self.port.is_some() { None } else { Some(usual.to_owned()) };
        let mut spellings = BTreeSet::new();
        for port in [self.port.clone(), other] {
            let (path, query) = match self.rest.find('?') {
                Some(at) => self.rest.split_at(at),
                None => (self.rest.as_str(), ""),
            };
            for query in [query.to_owned(), query.replace('\'', "%27"), query.replace("%27", "'")] {
                spellings.insert(
                    Self { port: port.clone(), rest: format!("{path}{query}"), ..self.clone() }.url(),
                );
            }
        }
        spellings
    }
}

#[derive(Deserialize)]
struct Vectors {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    token: String,
    url: String,
    params: Option<BTreeMap<String, Vec<String>>>,
    signature: Option<String>,
    expect_valid: bool,
    matching_url_forms: Vec<String>,
}

/// A reference that is wrong proves nothing: it makes the very signatures of the official libraries' tests.
#[test]
fn the_reference_is_right() {
    let Vectors { vectors } =
        serde_json::from_str(include_str!("../data/twilio_signature_vectors.json")).unwrap();
    let mut made = 0;
    for vector in vectors {
        let params = vector.params.unwrap_or_default().into_iter();
        let fields: Vec<_> = params
            .flat_map(|(name, values)| values.into_iter().map(move |value| (name.clone(), value)))
            .collect();
        let is_made = Some(signature(&content(&vector.url, &fields), &vector.token)) == vector.signature;
        assert_eq!(is_made, vector.matching_url_forms.iter().any(|form| form == "as_is"), "{}", vector.name);
        made += u32::from(is_made && vector.expect_valid);
    }
    assert!(made >= 30, "{made}");
    for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
        assert_eq!(base64(bytes.as_bytes()), text, "RFC 4648 section 10");
    }
}
