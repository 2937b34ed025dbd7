//! A request that differs from what Twilio signed, or whose signature does, is refused: a hundred forgeries for each
//! case of proptest's (`PROPTEST_CASES=10000`: a million), made from a seed, judged by what the reference says is signed.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use boatswain::base::Secret;
use boatswain::whatsapp::{Form, signature};
use proptest::test_runner::Config;

use crate::reference::{self, Address};
use crate::rng::Rng;

/// Forgeries of one request.
const OF_EACH: u32 = 100;

/// A request with all that its signature depends on.
#[derive(Debug, Clone)]
struct Request {
    address: Address,
    body: Vec<u8>,
    token: String,
    signature: String,
}

/// A request that Twilio has signed, and what it has signed in it.
struct Genuine {
    request: Request,
    fields: Vec<(String, String)>,
    content: Vec<u8>,
}

impl Genuine {
    fn new(rng: &mut Rng) -> Self {
        let query = rng.one_of(&["", "?message=0197", "?a='x'&b=%27", "?b=2&a=1", "?a=%C3%A8+%2B"]);
        let address = Address {
            scheme: rng.one_of(&["https", "https", "http"]).into(),
            user: rng.one_of(&["", "", "", "user:word@"]).into(),
            host: rng
                .one_of(&["bots.example.com", "Bots.Example.com", "203.0.113.7", "[2001:db8::1]"])
                .into(),
            port: rng.one_of(&[None, None, Some("443"), Some("80"), Some("8443")]).map(str::to_owned),
            rest: format!("/whatsapp/callback/demo/ACME{query}"),
        };
        let mut fields = vec![("AccountSid".to_owned(), format!("AC{:032x}", rng.next()))];
        let names = ["From", "To", "Body", "MessageStatus", "MediaUrl0", "MessageSid", "a", "B", "è"];
        let values =
            ["", "whatsapp:+393331234567", "delivered", "Caffè & 50%", "x", "a=b&c=d", "\u{1F600}", " "];
        for _ in 0..rng.below(12) {
            fields.push((rng.one_of(&names).into(), rng.one_of(&values).into()));
        }
        let token: String = (0..32).map(|_| char::from(rng.one_of(b"0123456789abcdef"))).collect();
        let content = reference::content(&address.url(), &fields);
        let signature = reference::signature(&content, &token);
        Self { request: Request { address, body: encoded(&fields), token, signature }, fields, content }
    }
}

impl Request {
    /// Whether it is `genuine` in another spelling.
    fn is(&self, genuine: &Genuine) -> bool {
        // An HMAC's key is filled up with zeros to the hash's block (RFC 2104).
        let key = |request: &Self| request.token.trim_end_matches('\0').to_owned();
        if self.signature != genuine.request.signature || key(self) != key(&genuine.request) {
            return false;
        }
        let fields = reference::signed(&reference::fields(&self.body));
        let spellings = self.address.spellings().into_iter();
        spellings.map(|url| [url.as_bytes(), &fields].concat()).any(|content| content == genuine.content)
    }

    fn is_accepted(&self) -> bool {
        let form = Form::parse(&self.body).unwrap();
        signature::verify(&self.address.url(), &form, &self.signature, &[Secret::new(self.token.clone())])
    }
}

/// A form's text, with everything escaped that could mean something.
fn encoded(fields: &[(String, String)]) -> Vec<u8> {
    let escaped = |text: &str| -> String {
        let byte = |byte: u8| {
            if byte.is_ascii_alphanumeric() { char::from(byte).into() } else { format!("%{byte:02X}") }
        };
        text.bytes().map(byte).collect()
    };
    let fields: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    fields.join("&").into_bytes()
}

/// Replaces, removes or adds one character, or turns its case over.
fn nearly(text: &str, rng: &mut Rng) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let other = rng.one_of(&['x', 'Y', '0', '/', '=', '+', '%', '&', ' ', '\'', '?', '\0', 'è', '-', '_']);
    let at = rng.below(chars.len() + 1);
    match (rng.below(4), chars.get(at).copied()) {
        (0, Some(_)) => chars[at] = other,
        (1, Some(_)) => drop(chars.remove(at)),
        (2, Some(c)) => {
            chars[at] = if c.is_ascii_lowercase() { c.to_ascii_uppercase() } else { c.to_ascii_lowercase() }
        }
        _ => chars.insert(at, other),
    }
    chars.into_iter().collect()
}

/// The same 20 bytes, or nearly, in ways that a reader of base64 may or may not tell apart.
fn signature_like(text: &str, rng: &mut Rng) -> String {
    let mut bytes = STANDARD.decode(text).unwrap();
    match rng.below(12) {
        0..3 => {
            let bit = rng.below(160);
            bytes[bit / 8] ^= 1 << (bit % 8);
            reference::base64(&bytes)
        }
        3 => text.trim_end_matches('=').to_owned(),
        4 => format!("{text}="),
        5 => URL_SAFE.encode(&bytes),
        6 => {
            // The last digit before the padding has two bits that stand for nothing.
            let last = text.as_bytes()[26];
            let digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
            let at = digits.bytes().position(|digit| digit == last).unwrap();
            let other = char::from(digits.as_bytes()[at & !3 | (at + 1 + rng.below(3)) & 3]);
            format!("{}{other}=", &text[..26])
        }
        7 => {
            let mut text = text.to_owned();
            text.insert_str(
                rng.below(text.len() + 1),
                rng.one_of(&[" ", "\n", "\r\n", "\t", "\0", "=", ",", "%2B"]),
            );
            text
        }
        8 => rng.one_of(&["", "=", "AAAA", "null", "sha1="]).to_owned() + text.get(..rng.below(28)).unwrap(),
        9 => bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat(),
        10 => reference::base64(&bytes[..rng.below(20)]),
        _ => nearly(text, rng),
    }
}

/// One change of `genuine`, and what kind it is of.
fn forged(genuine: &Genuine, rng: &mut Rng) -> (&'static str, Request) {
    let mut forged = genuine.request.clone();
    let address = &mut forged.address;
    let mut fields = genuine.fields.clone();
    let kind = rng.weighted(&[
        (30, "signature"),
        (10, "token"),
        (4, "scheme"),
        (4, "host"),
        (6, "port"),
        (3, "user"),
        (16, "path or query"),
        (3, "order of the query"),
        (14, "value"),
        (10, "name"),
        (3, "between name and value"),
        (4, "field more"),
        (4, "field less"),
        (3, "order of the fields"),
        (3, "spelling of the fields"),
        (8, "byte of the body"),
    ]);
    let which = rng.below(fields.len());
    match kind {
        "signature" => forged.signature = signature_like(&forged.signature, rng),
        "token" => forged.token = nearly(&forged.token, rng),
        "scheme" => address.scheme = rng.one_of(&["http", "https", "HTTPS", "ftp", "httpss"]).into(),
        "host" => {
            let hosts = ["bots.example.com.", "bots.example.co", "evil.example", "[::1]"];
            address.host = rng.one_of(&hosts).into();
        }
        "port" => {
            let ports = [None, Some("443"), Some("80"), Some("8443"), Some(""), Some("0443")];
            address.port = rng.one_of(&ports).map(str::to_owned);
        }
        "user" => address.user = rng.one_of(&["", "user@", "user:word@", "443@"]).into(),
        "path or query" => {
            let rest = nearly(&address.rest, rng);
            address.rest = if rest.starts_with(['/', '?']) { rest } else { format!("/{rest}") };
        }
        "order of the query" => {
            if let Some((path, query)) = address.rest.split_once('?') {
                let mut pairs: Vec<_> = query.split('&').collect();
                pairs.reverse();
                address.rest = format!("{path}?{}", pairs.join("&"));
            }
        }
        "value" => fields[which].1 = nearly(&fields[which].1, rng),
        "name" => fields[which].0 = nearly(&fields[which].0, rng),
        "between name and value" => {
            let all = format!("{}{}", fields[which].0, fields[which].1);
            let cuts: Vec<usize> = (0..=all.len()).filter(|at| all.is_char_boundary(*at)).collect();
            let (name, value) = all.split_at(rng.one_of(&cuts));
            fields[which] = (name.into(), value.into());
        }
        "field more" => {
            let more = [
                fields[which].clone(),
                (String::new(), String::new()),
                ("More".into(), String::new()),
                ("a".into(), "x".into()),
            ];
            let at = rng.below(fields.len() + 1);
            fields.insert(at, more[rng.below(4)].clone());
        }
        "field less" => drop(fields.remove(which)),
        "order of the fields" => fields.swap(which, 0),
        _ => {}
    }
    if fields != genuine.fields {
        forged.body = encoded(&fields);
    }
    match kind {
        "spelling of the fields" => {
            let text = String::from_utf8(forged.body).unwrap();
            forged.body = text.replace("%20", "+").replace('e', "%65").replace("%2B", "%2b").into_bytes();
        }
        "byte of the body" => {
            let at = rng.below(forged.body.len());
            forged.body[at] ^= 1 << rng.below(8);
        }
        _ => {}
    }
    (kind, forged)
}

/// How many of a kind were refused, and how many were the same request in another spelling.
type Counts = BTreeMap<&'static str, (u64, u64)>;

fn try_forgeries_of(seed: u32, counts: &mut Counts) {
    let mut rng = Rng::new(seed.into());
    let genuine = Genuine::new(&mut rng);
    assert!(genuine.request.is_accepted(), "seed {seed}: {:?}", genuine.request);
    for _ in 0..OF_EACH {
        let (kind, forged) = forged(&genuine, &mut rng);
        let is_same = forged.is(&genuine);
        let of = &genuine.request;
        assert_eq!(forged.is_accepted(), is_same, "seed {seed}, {kind}:\n{forged:?}\nof\n{of:?}");
        let (refused, same) = counts.entry(kind).or_default();
        *(if is_same { same } else { refused }) += 1;
    }
}

#[test]
fn no_forgery_is_accepted_and_no_spelling_of_the_same_is_refused() {
    let requests = Config::default().cases;
    let (next, all) = (AtomicU32::new(0), Mutex::new(Counts::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                let mut counts = Counts::new();
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= requests {
                        break;
                    }
                    try_forgeries_of(seed, &mut counts);
                }
                let mut all = all.lock().unwrap();
                for (kind, (refused, same)) in counts {
                    let known = all.entry(kind).or_default();
                    *known = (known.0 + refused, known.1 + same);
                }
            });
        }
    });
    let all = all.into_inner().unwrap();
    let total = all.values().fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
    println!("{} forgeries were refused, {} spellings of the same accepted: {all:?}", total.0, total.1);
    assert_eq!(total.0 + total.1, u64::from(requests * OF_EACH));
    // A kind that is never refused, or everything but the rest accepted, would be a test of nothing.
    if requests >= 100 {
        assert!(total.0 > total.1 * 2, "{all:?}");
        assert!(all.iter().all(|(kind, of)| of.0 > 0 || kind.ends_with("of the fields")), "{all:?}");
    }
}
