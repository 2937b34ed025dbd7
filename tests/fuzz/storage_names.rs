//! A signed URL opens the object that was named and no other, whatever the names are.

use std::sync::LazyLock;
use std::time::Duration;

use boatswain::base::Secret;
use boatswain::whatsapp::{ObjectName, SignedUrls, StorageError};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use tokio::runtime::Runtime;
use url::Url;

use crate::cases::{one_in, words};

static SIGNING: LazyLock<(Runtime, SignedUrls)> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let key = Secret::new(include_str!("../data/test_only_service_account.json"));
    let endpoint = Url::parse("https://storage.googleapis.com").unwrap();
    let urls = runtime.block_on(SignedUrls::new(&key, Duration::from_mins(1), &endpoint)).unwrap();
    (runtime, urls)
});

fn name() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => words("/ / // . .. .. a Z 9"),
        2 => words("... \\ %2e %2E%2e %2f %252f % %00 ? # & = + ; : @ ' \" < [ ] { | ^ ~ *"),
        1 => words("è e\u{301} \u{ff0e} \u{2025} \u{2215} \u{202e} \u{1F600} \u{80} \u{ad} \u{feff} \0 \n \t"),
        1 => words("https:// projects/_/buckets/ .well-known/acme-challenge/x"),
        1 => Just(" "),
    ];
    prop_oneof![
        6 => prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat()),
        1 => ".{0,40}",
        1 => (1000..1030_usize).prop_map(|length| "x".repeat(length)),
    ]
}

fn bucket() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[a-z0-9][a-z0-9._-]{1,12}[a-z0-9]", 1 => "[A-Za-z0-9./?#%:@_-]{0,12}", 1 => name()]
}

/// What Google calls a bucket (<https://docs.cloud.google.com/storage/docs/buckets#naming>), and nothing that a URL may
/// take for something else.
fn is_bucket(name: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    (3..=222).contains(&name.len())
        && edge(name.chars().next())
        && edge(name.chars().last())
        && !name.contains("..")
        && name.chars().all(|c| "abcdefghijklmnopqrstuvwxyz0123456789-_.".contains(c))
}

proptest! {
    // A signature takes a millisecond.
    #![proptest_config(one_in(2))]

    #[test]
    fn a_url_is_that_of_the_object_that_was_named(bucket in bucket(), name in name()) {
        let (runtime, urls) = &*SIGNING;
        match ObjectName::parse(&bucket, &name) {
            Err(error) => {
                let said = error.to_string();
                prop_assert!(said.len() < 1200 && !said.contains(char::is_control), "{:?}", said);
                match error {
                    StorageError::Bucket(_) => prop_assert!(!is_bucket(&bucket), "{}", bucket),
                    StorageError::Object(_) => prop_assert!(
                        name.is_empty() || name.len() > 1024 || name.contains(char::is_control)
                            || name.split('/').any(|segment| segment == "." || segment == ".."),
                        "{:?}", name
                    ),
                    other => prop_assert!(false, "{:?}", other),
                }
            }
            Ok(object) => {
                prop_assert!(is_bucket(&bucket), "{}", bucket);
                for url in [runtime.block_on(urls.url(&bucket, &name)), runtime.block_on(urls.upload_url(&object, "image/png"))] {
                    let url = url.unwrap();
                    prop_assert_eq!(url.origin().ascii_serialization(), "https://storage.googleapis.com");
                    let path = percent_decode_str(url.path()).decode_utf8().unwrap();
                    prop_assert_eq!(&*path, &format!("/{bucket}/{name}"));
                    prop_assert!(url.fragment().is_none() && url.username().is_empty());
                    prop_assert!(url.query_pairs().all(|(name, _)| name.starts_with("X-Goog-")), "{}", url.path());
                }
            }
        }
    }
}
