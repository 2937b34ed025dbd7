//! `X-Twilio-Signature`: which requests come from Twilio.
//!
//! The signature is `base64(HMAC-SHA1(auth token, url + Σ name + value))`, over the decoded fields in the byte
//! order of their names; a repeated name contributes its distinct values, sorted. There are no separators, as
//! Twilio defines it. A request without a form (GET) is signed by its URL alone, and so is one with a JSON
//! body, whose SHA-256 then stands in the query.
//!
//! Twilio is not of one mind about the port of the URL and about apostrophes in its query, so the official
//! validators try several spellings; those that any of them accepts are accepted here. The URL is taken as text:
//! its path and query must be the raw ones of the request, its scheme and host those of the public URL.
//!
//! Source: <https://www.twilio.com/docs/usage/security#validating-requests>.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::form::Form;
use crate::base::Secret;

/// The name of the header that carries the signature.
pub const SIGNATURE_HEADER: &str = "X-Twilio-Signature";

/// The field of a query that carries the SHA-256 of a body that is not a form, in hexadecimal.
const BODY_HASH: &str = "bodySHA256";

/// The signature of a request. A GET has no fields.
#[must_use]
pub fn sign(url: &str, form: &Form, token: &Secret) -> String {
    STANDARD.encode(
        mac(url, &fields_text(form), token).map(|mac| mac.finalize().into_bytes()).unwrap_or_default(),
    )
}

/// Whether `signature` was made with one of `tokens` for this request.
///
/// Comparing takes the same time wherever the signatures differ; how many spellings of the URL are tried
/// depends on the URL only.
#[must_use]
pub fn verify(url: &str, form: &Form, signature: &str, tokens: &[Secret]) -> bool {
    verify_evenly(url, form, signature, tokens, tokens.len())
}

/// As [`verify`]; a refusal takes as many keyed hashes as if there were `most` tokens, so that its time does not tell
/// how many there are.
#[must_use]
pub fn verify_evenly(url: &str, form: &Form, signature: &str, tokens: &[Secret], most: usize) -> bool {
    // What is not base64 is compared like anything else that is too short.
    let given = STANDARD.decode(signature).unwrap_or_default();
    let fields = fields_text(form);
    let spellings = spellings(url);
    let is_made_with = |token: &Secret, url: &str| {
        mac(url, &fields, token).is_some_and(|mac| mac.verify_slice(&given).is_ok())
    };
    if tokens.iter().any(|token| spellings.iter().any(|url| is_made_with(token, url))) {
        return true;
    }
    // What signs for nobody opens nothing, and does not end the work either: everybody can read it here.
    let nobody = Secret::new("no such account");
    for url in (tokens.len()..most).flat_map(|_| &spellings) {
        std::hint::black_box(is_made_with(&nobody, url));
    }
    false
}

/// Whether `signature` was made with one of `tokens` for a request whose body is not a form: the URL must
/// carry the body's hash.
#[must_use]
pub fn verify_body(url: &str, body: &[u8], signature: &str, tokens: &[Secret]) -> bool {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let Some((_, hash)) = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == BODY_HASH) else {
        return false;
    };
    // The hash is no secret: whoever sends the body can compute it. What proves anything is the signature.
    hash.eq_ignore_ascii_case(&hex(&Sha256::digest(body))) && verify(url, &Form::default(), signature, tokens)
}

/// The signed text of the fields: a repeated name is written before each of its values.
fn fields_text(form: &Form) -> String {
    let mut pairs: Vec<_> = form.pairs().iter().collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.into_iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]).collect()
}

/// The keyed hash over the signed text; `None` never happens, an HMAC takes keys of any length.
fn mac(url: &str, fields: &str, token: &Secret) -> Option<Hmac<Sha1>> {
    #[cfg(test)]
    work::count(url.len() + fields.len());
    let mut mac = Hmac::<Sha1>::new_from_slice(token.expose().as_bytes()).ok()?;
    mac.update(url.as_bytes());
    mac.update(fields.as_bytes());
    Some(mac)
}

/// The URLs that may have been signed: as it is, without its port, with the port of its scheme; each with the
/// apostrophes of its query as they are, as `%27`, and plain.
fn spellings(url: &str) -> Vec<Cow<'_, str>> {
    let mut all = vec![Cow::Borrowed(url)];
    all.extend(with_other_port(url).map(Cow::Owned));
    let with_apostrophes: Vec<_> = all
        .iter()
        .filter_map(|spelling| spelling.split_once('?'))
        .flat_map(|(path, query)| {
            let encoded = query.contains('\'').then(|| format!("{path}?{}", query.replace('\'', "%27")));
            let plain = query.contains("%27").then(|| format!("{path}?{}", query.replace("%27", "'")));
            [encoded, plain]
        })
        .flatten()
        .collect();
    all.extend(with_apostrophes.into_iter().map(Cow::Owned));
    all
}

/// The URL without its port, or with its scheme's if it has none. Works on the text: the signature covers the
/// URL's spelling (`HTTP://User@Host:80//a`), which a URL parser would tidy up.
fn with_other_port(url: &str) -> Option<String> {
    let authority_at = url.find("://")? + 3;
    let authority_len = url[authority_at..].find(['/', '?', '#']).unwrap_or(url.len() - authority_at);
    let (head, rest) = url.split_at(authority_at + authority_len);
    let host_at = head[authority_at..].rfind('@').map_or(authority_at, |at| authority_at + at + 1);
    // The colons of an IPv6 address stand inside its brackets.
    let after_brackets = head[host_at..].rfind(']').map_or(host_at, |at| host_at + at);
    if let Some(port_at) = head[after_brackets..].rfind(':') {
        return Some(format!("{}{rest}", &head[..after_brackets + port_at]));
    }
    let is_http = url.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http:"));
    Some(format!("{head}:{}{rest}", if is_http { 80 } else { 443 }))
}

/// Bytes in lower-case hexadecimal.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
        text
    })
}

/// What this thread's verifications have cost: a test can count work, and not measure time.
#[cfg(test)]
pub(crate) mod work {
    use std::cell::Cell;

    thread_local!(static WORK: Cell<(usize, usize)> = const { Cell::new((0, 0)) });

    pub(super) fn count(bytes: usize) {
        WORK.set((WORK.get().0 + 1, WORK.get().1 + bytes));
    }

    /// The keyed hashes made since the last call, and the bytes that they were made of.
    pub(crate) fn taken() -> (usize, usize) {
        WORK.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;
    use std::collections::BTreeMap;

    /// The vectors of the official libraries' own tests, each with its sources.
    const VECTORS: &str = include_str!("../../tests/data/twilio_signature_vectors.json");

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
        raw_body: Option<String>,
        expect_valid: bool,
    }

    impl Vector {
        /// What the validator says of the vector. A request without the header has nothing to verify: the
        /// empty signature stands for it.
        fn is_accepted(&self) -> bool {
            let tokens = [Secret::new(self.token.clone())];
            let signature = self.signature.as_deref().unwrap_or("");
            match (&self.params, &self.raw_body) {
                (Some(params), _) => verify(&self.url, &form_of(params), signature, &tokens),
                (None, Some(body)) => verify_body(&self.url, body.as_bytes(), signature, &tokens),
                (None, None) => verify(&self.url, &Form::default(), signature, &tokens),
            }
        }
    }

    fn form_of(params: &BTreeMap<String, Vec<String>>) -> Form {
        params.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value))).collect()
    }

    /// All of them are right. The libraries disagree with each other on one only, "mixed-case host, signature of
    /// lower-case host": Node's validator lowers the case of the host, C#'s test refuses it, and so does this one,
    /// because Twilio signs the URL as it was given.
    #[test]
    fn every_official_vector_is_judged_as_its_library_does() {
        let Vectors { vectors } = serde_json::from_str(VECTORS).unwrap();
        assert_eq!(vectors.len(), 64);
        let wrong: Vec<_> = vectors
            .iter()
            .filter(|vector| vector.is_accepted() != vector.expect_valid)
            .map(|vector| &vector.name)
            .collect();
        assert!(wrong.is_empty(), "{wrong:?}");
    }

    #[test]
    fn a_form_body_is_signed_as_it_was_parsed() {
        let Vectors { vectors } = serde_json::from_str(VECTORS).unwrap();
        let with_both = vectors.iter().filter_map(|v| Some((v, v.params.as_ref()?, v.raw_body.as_ref()?)));
        let mut seen = 0;
        for (vector, params, body) in with_both {
            let form = Form::parse(body.as_bytes()).unwrap();
            let signature = vector.signature.as_deref().unwrap();
            assert_eq!(form.pairs().len(), params.len());
            assert!(verify(&vector.url, &form, signature, &[Secret::new(vector.token.clone())]));
            seen += 1;
        }
        assert!(seen > 0);
    }

    #[test]
    fn any_of_several_tokens_will_do_while_keys_rotate() {
        let (old, new) = (Secret::new("old"), Secret::new("new"));
        let form: Form = [("A", "1")].into_iter().collect();
        let signature = sign("https://example.com/a", &form, &new);
        assert!(verify("https://example.com/a", &form, &signature, &[old.clone(), new]));
        assert!(!verify("https://example.com/a", &form, &signature, &[old]));
        assert!(!verify("https://example.com/a", &form, &signature, &[]));
    }

    #[test]
    fn a_refusal_costs_the_same_whatever_the_signature_and_however_many_tokens() {
        let url = "https://example.com/a?b='";
        let form: Form = [("A", "1"), ("B", "2")].into_iter().collect();
        let tokens = ["one", "two", "three"].map(Secret::new);
        let cost = |signature: &str, tokens: &[Secret]| {
            work::taken();
            assert!(!verify_evenly(url, &form, signature, tokens, 3));
            work::taken()
        };
        let (hashes, bytes) = cost(&sign(url, &form, &Secret::new("another")), &tokens);
        assert_eq!(hashes, 3 * spellings(url).len());
        assert!(bytes > hashes * url.len());
        let filler = sign(url, &form, &Secret::new("no such account"));
        for signature in ["", "!!!", "AAAA", "\u{e8}", &sign(url, &form, &tokens[0])[1..], filler.as_str()] {
            for known in 0..=3 {
                assert_eq!(cost(signature, &tokens[..known]), (hashes, bytes), "{signature} {known}");
            }
        }
        let right = sign(url, &form, &tokens[0]);
        work::taken();
        assert!(verify_evenly(url, &form, &right, &tokens, 3));
        assert_eq!(work::taken().0, 1, "what is accepted takes no more than it needs");
    }

    #[test]
    fn the_port_of_an_ipv6_address_is_found() {
        let token = [Secret::new("t")];
        let signed = |url: &str| sign(url, &Form::default(), &token[0]);
        let is_same = |a: &str, b: &str| verify(a, &Form::default(), &signed(b), &token);
        assert!(is_same("http://[::1]:8080/a", "http://[::1]/a"));
        assert!(is_same("http://[::1]/a", "http://[::1]:80/a"));
        assert!(!is_same("http://[::1]/a", "http://[::2]/a"));
        assert!(is_same("https://u:p@h/a", "https://u:p@h:443/a"));
        assert!(!is_same("https://u:p@h/a", "https://u@h/a"), "the colon of a password is no port's");
        assert!(!verify("no scheme", &Form::default(), &signed("https://h"), &token));
    }

    #[test]
    fn a_body_that_is_no_form_is_bound_by_its_hash() {
        let token = [Secret::new("t")];
        let url = format!("https://example.com/a?bodySHA256={}", hex(&Sha256::digest(b"{}")));
        let signature = sign(&url, &Form::default(), &token[0]);
        assert!(verify_body(&url, b"{}", &signature, &token));
        assert!(!verify_body(&url, b"{ }", &signature, &token));
        let unbound = sign("https://example.com/a", &Form::default(), &token[0]);
        assert!(!verify_body("https://example.com/a", b"{}", &unbound, &token));
    }

    /// `text` with the character at `at` (anywhere) replaced by another one that was not there.
    fn mutated(text: &str, at: prop::sample::Index) -> String {
        let mut characters: Vec<char> = text.chars().collect();
        if characters.is_empty() {
            return "x".to_owned();
        }
        let at = at.index(characters.len());
        characters[at] = if characters[at] == 'x' { 'y' } else { 'x' };
        characters.into_iter().collect()
    }

    proptest! {
        #[test]
        fn whatever_is_changed_is_refused(
            path in "/[a-z]{1,8}(\\?[a-z]=[0-9]{1,3})?",
            pairs in prop::collection::vec(("[A-Z][a-z]{0,3}", "\\PC{0,6}"), 1..6),
            token in "[0-9a-f]{32}",
            at in any::<prop::sample::Index>(),
            which in any::<prop::sample::Index>(),
        ) {
            let url = format!("https://example.com{path}");
            let form: Form = pairs.clone().into_iter().collect();
            let token = [Secret::new(token)];
            let signature = sign(&url, &form, &token[0]);
            prop_assert!(verify(&url, &form, &signature, &token));

            let other_url = format!("https://example.com/{}", mutated(&path[1..], at));
            prop_assert!(!verify(&other_url, &form, &signature, &token));
            let other_token = [Secret::new(mutated(token[0].expose(), at))];
            prop_assert!(!verify(&url, &form, &signature, &other_token));
            prop_assert!(!verify(&url, &form, &mutated(&signature, at), &token));

            let which = which.index(pairs.len());
            let mut other = pairs.clone();
            other[which].1 = mutated(&pairs[which].1, at);
            let other_form: Form = other.into_iter().collect();
            prop_assert!(!verify(&url, &other_form, &signature, &token));
            let more: Form = pairs.iter().cloned().chain([("More".to_owned(), String::new())]).collect();
            prop_assert!(!verify(&url, &more, &signature, &token));
            let mut fewer = pairs.clone();
            let removed = fewer.remove(which);
            if !fewer.contains(&removed) {
                let fewer: Form = fewer.into_iter().collect();
                prop_assert!(!verify(&url, &fewer, &signature, &token));
            }
        }

        #[test]
        fn no_url_or_signature_panics(url in "\\PC{0,40}", signature in "\\PC{0,40}") {
            prop_assert!(!verify(&url, &Form::default(), &signature, &[Secret::new("t")]));
            prop_assert!(!verify_body(&url, b"", &signature, &[Secret::new("t")]));
        }
    }
}
