//! Temporary URLs of objects in Google Cloud Storage, so that WhatsApp can fetch a picture from a private bucket.
//!
//! A V4 signed URL is made here, without asking anybody: it is as good as the service account's key, and whether the
//! object exists shows when it is fetched. It is signed for GET, which allows HEAD too: Twilio sends both. A URL for an
//! upload is signed for PUT and for the type of what is uploaded.
//!
//! Source: <https://docs.cloud.google.com/storage/docs/access-control/signed-urls>.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use google_cloud_auth::credentials::service_account;
use google_cloud_auth::signer::{self, Signer, SigningProvider};
use google_cloud_storage::builder::storage::SignedUrlBuilder;
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

use crate::base::Secret;

/// The longest that Google lets a V4 signed URL be good for.
pub const MAX_LIFETIME: Duration = Duration::from_hours(7 * 24);
/// The shortest lifetime that can be written down.
pub const MIN_LIFETIME: Duration = Duration::from_secs(1);
/// How long a URL for an upload is good: as long as the longest run, and some.
const UPLOAD_LIFETIME: Duration = Duration::from_mins(15);
/// The longest name of an object, in bytes.
const MAX_OBJECT: usize = 1024;

/// Why there is no signed URL; the sentence is for the author or the admin. It holds nothing of the key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    /// The key file can't be used.
    #[error("the Google Cloud Storage credentials can't be used: {0}")]
    Credentials(String),
    /// The endpoint can't be used.
    #[error(
        "the Google Cloud Storage endpoint must be a scheme and a host, such as https://storage.googleapis.com"
    )]
    Endpoint,
    /// The name of the bucket is missing or impossible.
    #[error(
        "`{0}` is not the name of a bucket: 3 to 222 lower-case letters, digits, dashes, underscores and dots"
    )]
    Bucket(String),
    /// The name of the object is missing or impossible.
    #[error(
        "`{0}` is not the name of a file in a bucket: 1 to 1,024 bytes, no `.` or `..` between slashes, no control \
         characters"
    )]
    Object(String),
    /// The signature could not be made.
    #[error("the URL can't be signed: {0}")]
    Signing(String),
}

/// Makes signed URLs with one service account's key.
#[derive(Clone)]
pub struct SignedUrls {
    signer: Signer,
    lifetime: Duration,
    endpoint: Url,
}

/// Without the key.
impl fmt::Debug for SignedUrls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedUrls")
            .field("lifetime", &self.lifetime)
            .field("endpoint", &self.endpoint.as_str())
            .finish_non_exhaustive()
    }
}

impl SignedUrls {
    /// Takes the contents of a service account's key file, how long URLs are to be good (kept within 1 s and 7
    /// days) and the endpoint, `https://storage.googleapis.com` or an emulator. Signs once, because a bad key would
    /// show only then.
    ///
    /// # Errors
    /// [`StorageError::Credentials`] or [`StorageError::Endpoint`].
    pub async fn new(
        credentials_json: &Secret,
        lifetime: Duration,
        endpoint: &Url,
    ) -> Result<Self, StorageError> {
        is_plain(endpoint)?;
        let signer = service_account::Builder::new(service_account_key(credentials_json)?)
            .build_signer()
            .map_err(|_| StorageError::Credentials("a field has the wrong kind of value".to_owned()))?;
        let lifetime = lifetime.clamp(MIN_LIFETIME, MAX_LIFETIME);
        let urls = Self { signer, lifetime, endpoint: endpoint.clone() };
        match urls.url("test-bucket", "test-object").await {
            Ok(_) => Ok(urls),
            Err(_) => Err(StorageError::Credentials(
                "`private_key` is not an RSA key in PKCS#8 form (`-----BEGIN PRIVATE KEY-----`); download the key file \
                 again, as JSON"
                    .to_owned(),
            )),
        }
    }

    /// The same without a key, for a storage that asks for none: the signature is a hash of what would be signed.
    ///
    /// # Errors
    /// [`StorageError::Endpoint`].
    pub fn without_key(lifetime: Duration, endpoint: &Url) -> Result<Self, StorageError> {
        is_plain(endpoint)?;
        let lifetime = lifetime.clamp(MIN_LIFETIME, MAX_LIFETIME);
        Ok(Self { signer: Signer::from(NoKey), lifetime, endpoint: endpoint.clone() })
    }

    /// How long a URL is good.
    #[must_use]
    pub fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Where its URLs point: scheme, host and port.
    #[must_use]
    pub fn endpoint(&self) -> &Url {
        &self.endpoint
    }

    /// A URL of an object that anyone may fetch while it is good.
    ///
    /// # Errors
    /// [`StorageError::Bucket`], [`StorageError::Object`] for impossible names; [`StorageError::Signing`] never, as
    /// far as is known.
    pub async fn url(&self, bucket: &str, object: &str) -> Result<Url, StorageError> {
        self.signed(self.to(&ObjectName::parse(bucket, object)?).with_expiration(self.lifetime)).await
    }

    /// A URL to which a medium of this type may be uploaded as an object, in the next minutes.
    ///
    /// # Errors
    /// [`StorageError::Signing`], never as far as is known.
    pub async fn upload_url(&self, object: &ObjectName, content_type: &str) -> Result<Url, StorageError> {
        let upload = self.to(object).with_method(http::Method::PUT).with_header("content-type", content_type);
        self.signed(upload.with_expiration(UPLOAD_LIFETIME)).await
    }

    fn to(&self, object: &ObjectName) -> SignedUrlBuilder {
        let bucket = format!("projects/_/buckets/{}", object.bucket);
        SignedUrlBuilder::for_object(bucket, &object.name)
            .with_endpoint(self.endpoint.as_str().trim_end_matches('/'))
    }

    async fn signed(&self, url: SignedUrlBuilder) -> Result<Url, StorageError> {
        let signed =
            url.sign_with(&self.signer).await.map_err(|error| StorageError::Signing(error.to_string()))?;
        // What was signed is what is fetched: a URL that is spelled otherwise once it is parsed would be refused.
        let url = Url::parse(&signed).ok().filter(|url| url.as_str() == signed);
        url.ok_or_else(|| StorageError::Signing("the URL has more than one spelling".to_owned()))
    }
}

/// The library signs no path, and would leave one out without a word.
fn is_plain(endpoint: &Url) -> Result<(), StorageError> {
    let is_plain = matches!(endpoint.scheme(), "http" | "https")
        && endpoint.has_host()
        && endpoint.path() == "/"
        && endpoint.query().is_none()
        && endpoint.fragment().is_none()
        && endpoint.username().is_empty();
    if is_plain { Ok(()) } else { Err(StorageError::Endpoint) }
}

/// What signs where there is no key.
#[derive(Debug)]
struct NoKey;

impl SigningProvider for NoKey {
    async fn client_email(&self) -> signer::Result<String> {
        Ok("no-key@boatswain.invalid".to_owned())
    }

    async fn sign(&self, content: &[u8]) -> signer::Result<Bytes> {
        Ok(Bytes::copy_from_slice(&Sha256::digest(content)))
    }
}

/// Where an object is: names that are possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectName {
    /// The bucket.
    pub bucket: String,
    /// The object in it.
    pub name: String,
}

impl ObjectName {
    /// Takes names as an author gives them.
    ///
    /// # Errors
    /// [`StorageError::Bucket`] or [`StorageError::Object`].
    pub fn parse(bucket: &str, name: &str) -> Result<Self, StorageError> {
        if !is_bucket_name(bucket) {
            return Err(StorageError::Bucket(shown(bucket)));
        }
        if !is_object_name(name) {
            return Err(StorageError::Object(shown(name)));
        }
        Ok(Self { bucket: bucket.to_owned(), name: name.to_owned() })
    }
}

/// The key file as JSON with the fields that signing needs. Its parser's errors may quote the file: they are
/// not passed on.
fn service_account_key(text: &Secret) -> Result<Value, StorageError> {
    let problem = |message: &str| StorageError::Credentials(message.to_owned());
    let key: Value = serde_json::from_str(text.expose()).map_err(|error| {
        StorageError::Credentials(format!("not JSON (line {}, column {})", error.line(), error.column()))
    })?;
    if key["type"] != "service_account" {
        return Err(problem(
            "`type` is not `service_account`: a service account's key is needed, as a JSON file",
        ));
    }
    for name in ["client_email", "private_key", "private_key_id", "project_id"] {
        if key[name].as_str().is_none_or(str::is_empty) {
            return Err(StorageError::Credentials(format!("`{name}` is missing")));
        }
    }
    Ok(key)
}

/// Source: <https://docs.cloud.google.com/storage/docs/buckets#naming>.
fn is_bucket_name(name: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    (3..=222).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_' | b'.'))
        && is_edge(name.as_bytes().first())
        && is_edge(name.as_bytes().last())
        && !name.contains("..")
}

/// Source: <https://docs.cloud.google.com/storage/docs/objects#naming>. A segment `.` or `..` would be resolved by
/// whoever fetches the URL, and then name another object.
fn is_object_name(name: &str) -> bool {
    (1..=MAX_OBJECT).contains(&name.len())
        && !name.chars().any(char::is_control)
        && !name.split('/').any(|segment| matches!(segment, "." | ".."))
}

fn shown(name: &str) -> String {
    name.chars().take(80).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use super::*;

    /// Made for these tests; it opens nothing.
    const TEST_KEY: &str = include_str!("../../tests/data/test_only_service_account.json");

    fn google() -> Url {
        Url::parse("https://storage.googleapis.com").unwrap()
    }

    async fn urls(lifetime: Duration) -> SignedUrls {
        SignedUrls::new(&Secret::new(TEST_KEY), lifetime, &google()).await.unwrap()
    }

    fn query(url: &Url, name: &str) -> String {
        url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned()).unwrap()
    }

    #[tokio::test]
    async fn a_url_has_the_v4_shape() {
        let url =
            urls(Duration::from_hours(1)).await.url("my-bucket", "pictures/Buon giorno è.png").await.unwrap();
        assert_eq!(url.host_str(), Some("storage.googleapis.com"));
        assert_eq!(url.path(), "/my-bucket/pictures/Buon%20giorno%20%C3%A8.png");
        assert_eq!(query(&url, "X-Goog-Algorithm"), "GOOG4-RSA-SHA256");
        assert_eq!(query(&url, "X-Goog-Expires"), "3600");
        assert_eq!(query(&url, "X-Goog-SignedHeaders"), "host");
        let (date, credential) = (query(&url, "X-Goog-Date"), query(&url, "X-Goog-Credential"));
        assert!(date.len() == 16 && date.ends_with('Z'), "{date}");
        let scope = format!("/{}/auto/storage/goog4_request", &date[..8]);
        assert_eq!(credential, format!("test-only@test-only.iam.gserviceaccount.com{scope}"));
        let signature = query(&url, "X-Goog-Signature");
        assert_eq!(signature.len(), 512, "2,048 bits in hexadecimal");
        assert!(signature.bytes().all(|b| b.is_ascii_hexdigit()));
    }

    #[tokio::test]
    async fn a_lifetime_stays_within_googles_bounds() {
        for (asked, expires) in [(Duration::ZERO, "1"), (Duration::from_hours(24 * 30), "604800")] {
            let url = urls(asked).await.url("my-bucket", "a").await.unwrap();
            assert_eq!(query(&url, "X-Goog-Expires"), expires);
        }
    }

    #[tokio::test]
    async fn an_impossible_name_is_refused() {
        let urls = urls(Duration::from_mins(1)).await;
        for bucket in [
            "",
            "ab",
            "My-Bucket",
            "a/b",
            "a/../b",
            "-abc",
            "abc.",
            "a..b",
            "a?b=c",
            "bücket",
            "projects/_/buckets/x",
        ] {
            assert!(matches!(urls.url(bucket, "a").await, Err(StorageError::Bucket(_))), "{bucket}");
        }
        for object in ["", "..", "a/../b", "a/..", "./a", "a/./b", "a\nb", "a\0", &"a".repeat(1025)] {
            assert!(matches!(urls.url("my-bucket", object).await, Err(StorageError::Object(_))), "{object}");
        }
        for object in [
            "a",
            "a/b.png",
            "..a",
            "a..b/c...",
            "/a",
            "a//b",
            "a?b=c&d#e",
            "100%",
            "%2e%2e/a",
            "*~'()",
            "a\\..\\b",
        ] {
            let url = urls.url("my-bucket", object).await.unwrap();
            let path = url.path().strip_prefix("/my-bucket/").unwrap();
            let decoded = percent_encoding::percent_decode_str(path).decode_utf8().unwrap();
            assert_eq!(decoded, object, "the URL names this object and no other");
        }
    }

    #[tokio::test]
    async fn an_emulator_keeps_its_port() {
        let endpoint = Url::parse("http://127.0.0.1:9023/").unwrap();
        let urls = SignedUrls::new(&Secret::new(TEST_KEY), Duration::from_mins(1), &endpoint).await.unwrap();
        let url = urls.url("my-bucket", "a.png").await.unwrap();
        assert!(url.as_str().starts_with("http://127.0.0.1:9023/my-bucket/a.png?X-Goog-Algorithm="), "{url}");
        for bad in [
            "ftp://host/",
            "https://host/path",
            "https://host/?a=b",
            "https://user@host/",
            "data:text/plain,a",
        ] {
            let endpoint = Url::parse(bad).unwrap();
            let refused = SignedUrls::new(&Secret::new(TEST_KEY), Duration::from_mins(1), &endpoint).await;
            assert_eq!(refused.err(), Some(StorageError::Endpoint), "{bad}");
        }
    }

    #[tokio::test]
    async fn without_a_key_a_url_has_the_same_shape() {
        let (signed, lifetime) = (urls(Duration::from_hours(1)).await, Duration::from_hours(1));
        let signed = signed.url("my-bucket", "a b.pdf").await.unwrap();
        let free = SignedUrls::without_key(lifetime, &google()).unwrap();
        let free = free.url("my-bucket", "a b.pdf").await.unwrap();
        let names = |url: &Url| url.query_pairs().map(|(name, _)| name.into_owned()).collect::<Vec<_>>();
        assert_eq!((free.path(), names(&free)), (signed.path(), names(&signed)));
        let nowhere = Url::parse("http://host/path").unwrap();
        assert_eq!(SignedUrls::without_key(lifetime, &nowhere).err(), Some(StorageError::Endpoint));
    }

    #[tokio::test]
    async fn a_bad_key_is_a_clear_error_at_once() {
        let mut without_email: Value = serde_json::from_str(TEST_KEY).unwrap();
        without_email["client_email"] = Value::Null;
        let mut pkcs1: Value = serde_json::from_str(TEST_KEY).unwrap();
        let key = pkcs1["private_key"].as_str().unwrap().replace("PRIVATE KEY", "RSA PRIVATE KEY");
        pkcs1["private_key"] = Value::String(key);
        let mut garbled: Value = serde_json::from_str(TEST_KEY).unwrap();
        garbled["private_key"] = "hunter2".into();
        for (text, expected) in [
            ("hunter2".to_owned(), "not JSON (line 1, column 1)"),
            ("[]".to_owned(), "`type`"),
            (r#"{"type":"authorized_user","private_key":"hunter2"}"#.to_owned(), "`type`"),
            (without_email.to_string(), "`client_email` is missing"),
            (pkcs1.to_string(), "PKCS#8"),
            (garbled.to_string(), "PKCS#8"),
        ] {
            let error =
                SignedUrls::new(&Secret::new(text), Duration::from_mins(1), &google()).await.unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
        let shown = format!("{:?}", urls(Duration::from_mins(1)).await);
        assert!(!shown.contains("PRIVATE"), "{shown}");
    }
}
