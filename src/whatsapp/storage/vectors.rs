//! Google's side of a signed URL: its conformance vectors, and the public key.
//!
//! The library signs at the present moment only, and the vectors' key is not in this repository. So a URL is made for
//! each vector by [`SignedUrls`] itself, with a key of our own, now, and two things are held:
//!
//! * with the vector's moment and account written over ours, the URL up to its signature, the canonical request and the
//!   text to sign are the vector's, to the byte;
//! * the signature is the key's over that text as it was before.
//!
//! The text to sign has only one signature (RSASSA-PKCS1-v1_5, RFC 8017), so nothing is left over but the key itself;
//! `tests/python/google_signed_urls.py` compares whole URLs with those of Google's Python library.

use std::time::Duration;

use aws_lc_rs::rsa::KeyPair;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use base64::Engine as _;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use super::SignedUrls;
use crate::base::Secret;
use crate::whatsapp::signature::hex;

/// Made for these tests; it opens nothing.
const TEST_KEY: &str = include_str!("../../../tests/data/test_only_service_account.json");
const VECTORS: &str = include_str!("../../../tests/data/google_v4_signatures.json");
/// The vectors of requests that this host makes: GET of an object in a path, without headers and parameters of its own.
const OURS: &[&str] = &[
    "Simple GET",
    "Vary expiration and timestamp",
    "Vary bucket and object",
    "Forward Slashes should not be stripped",
    "Simple GET with hostname",
    "Simple GET with non-default hostname",
    "Simple GET with endpoint on client",
    "Endpoint on client with scheme",
    "Emulator host",
    "Endpoint on client takes precedence over emulator",
    "Hostname takes precendence over endpoint and emulator",
    "Universe domain",
];

/// A signed URL, taken apart.
struct Signed {
    /// Up to the query.
    address: String,
    path: String,
    host: String,
    /// The query up to the signature.
    parameters: String,
    signature: String,
}

impl Signed {
    fn read(url: &Url) -> Self {
        let (parameters, signature) = url.query().unwrap().split_once("&X-Goog-Signature=").unwrap();
        Self {
            address: url.as_str().split_once('?').unwrap().0.to_owned(),
            path: url.path().to_owned(),
            host: url.host_str().unwrap().to_owned(),
            parameters: parameters.to_owned(),
            signature: signature.to_owned(),
        }
    }

    /// A parameter as it is escaped in the URL.
    fn parameter(&self, name: &str) -> &str {
        let value = self.parameters.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        value.unwrap()
    }

    /// The same at another moment and of another account.
    fn with(&self, date: &str, credential: &str) -> Self {
        let parameters = self.parameters.replace(self.parameter("X-Goog-Credential"), credential).replace(
            &format!("X-Goog-Date={}", self.parameter("X-Goog-Date")),
            &format!("X-Goog-Date={date}"),
        );
        Self {
            address: self.address.clone(),
            path: self.path.clone(),
            host: self.host.clone(),
            parameters,
            signature: String::new(),
        }
    }

    /// Source: <https://docs.cloud.google.com/storage/docs/authentication/canonical-requests>.
    fn canonical_request(&self) -> String {
        format!("GET\n{}\n{}\nhost:{}\n\nhost\nUNSIGNED-PAYLOAD", self.path, self.parameters, self.host)
    }

    /// Source: <https://docs.cloud.google.com/storage/docs/authentication/signatures#string-to-sign>.
    fn text_to_sign(&self) -> String {
        let credential =
            percent_encoding::percent_decode_str(self.parameter("X-Goog-Credential")).decode_utf8().unwrap();
        let (_, scope) = credential.split_once('/').unwrap();
        let digest = hex(&Sha256::digest(self.canonical_request()));
        format!("GOOG4-RSA-SHA256\n{}\n{scope}\n{digest}", self.parameter("X-Goog-Date"))
    }

    fn is_signature_of(&self, text: &str) -> bool {
        let key: Value = serde_json::from_str(TEST_KEY).unwrap();
        let pem = key["private_key"].as_str().unwrap();
        let der: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = base64::engine::general_purpose::STANDARD.decode(der).unwrap();
        let key = KeyPair::from_pkcs8(&der).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
        let bytes: Vec<u8> = (0..self.signature.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&self.signature[at..at + 2], 16).unwrap())
            .collect();
        public.verify(text.as_bytes(), &bytes).is_ok()
    }
}

async fn sign(endpoint: &Url, seconds: u64, bucket: &str, object: &str) -> Signed {
    let lifetime = Duration::from_secs(seconds);
    let urls = SignedUrls::new(&Secret::new(TEST_KEY), lifetime, endpoint).await.unwrap();
    Signed::read(&urls.url(bucket, object).await.unwrap())
}

#[tokio::test]
async fn the_signature_is_the_keys_over_the_canonical_request() {
    let endpoint = Url::parse("https://storage.googleapis.com").unwrap();
    let signed = sign(&endpoint, 3600, "my-bucket", "a/è b.png").await;
    let text = signed.text_to_sign();
    assert!(signed.is_signature_of(&text));
    assert!(!signed.is_signature_of(&text.replace("GOOG4", "GOOG5")));
}

#[tokio::test]
async fn googles_vectors_of_requests_like_ours_are_met() {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    let vectors: Vec<&Value> =
        file["signingV4Tests"].as_array().unwrap().iter().filter(|v| is_ours(v)).collect();
    let names: Vec<&str> = vectors.iter().map(|vector| text(vector, "description")).collect();
    assert_eq!(names, OURS);
    for vector in vectors {
        let name = text(vector, "description");
        // The endpoint is the vector's own, however its client is told of it. An `https` URL is spelt without `:443`.
        let expected = Url::parse(text(vector, "expectedUrl")).unwrap();
        let endpoint = expected.join("/").unwrap();
        let seconds = vector["expiration"].as_u64().unwrap();
        let signed = sign(&endpoint, seconds, text(vector, "bucket"), text(vector, "object")).await;
        assert!(signed.is_signature_of(&signed.text_to_sign()), "{name}");

        let expected = Signed::read(&expected);
        let theirs = signed.with(expected.parameter("X-Goog-Date"), expected.parameter("X-Goog-Credential"));
        assert_eq!(theirs.address, expected.address, "{name}");
        assert_eq!(theirs.parameters, expected.parameters, "{name}");
        assert_eq!(theirs.canonical_request(), text(vector, "expectedCanonicalRequest"), "{name}");
        assert_eq!(theirs.text_to_sign(), text(vector, "expectedStringToSign"), "{name}");
        assert_ne!(theirs.text_to_sign(), signed.text_to_sign(), "{name}");
    }
}

fn text<'a>(vector: &'a Value, name: &str) -> &'a str {
    vector[name].as_str().unwrap()
}

/// Whether a vector is of a request that this host makes.
fn is_ours(vector: &Value) -> bool {
    let has = |name: &str| vector.get(name).is_some();
    vector["method"] == "GET"
        && has("object")
        && !has("headers")
        && !has("queryParameters")
        && !has("urlStyle")
}
