//! URLs of media: files in `public/`, and objects in Google Cloud Storage.

use std::sync::Arc;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use crate::host::functions::{Call, Reply};
use crate::script::protocol::{ErrorKind, Thrown, Value};
use crate::whatsapp::{MediaAddress, SignedUrls};

/// What is escaped in a path segment (the WHATWG URL standard's path set, and what could be misread).
const SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'%')
    .add(b'\\')
    .add(b'^')
    .add(b'|')
    .add(b'+')
    .add(b'&')
    .add(b'=')
    .add(b'\'');

/// `getPublicUrl(path)`: the URL under which Twilio can fetch `public/<appId>/<path>`.
pub(super) fn get_public_url(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let path = call.arguments.required_string(0)?;
    let path = path.trim_start_matches('/');
    if path.is_empty() || path.split('/').any(|segment| segment.is_empty() || segment.starts_with('.')) {
        return Err(Thrown {
            kind: ErrorKind::Error,
            message:
                "getPublicUrl: `path` must name a file below public/, without empty, hidden or `..` segments"
                    .into(),
            code: Some("INVALID_PATH".into()),
        });
    }
    let encoded: Vec<_> =
        path.split('/').map(|segment| utf8_percent_encode(segment, SEGMENT).to_string()).collect();
    let url = format!("{}/public/{}/{}", call.run.public_url, call.run.application.id, encoded.join("/"));
    Ok(Reply::Return(Value::String(url)))
}

/// `getSignedUrl(bucketName, fileName)`: a temporary URL of an object.
pub(super) fn get_signed_url(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let bucket = call.arguments.required_string(0)?;
    let file = call.arguments.required_string(1)?;
    sign(call.run, bucket, file)
        .map(|address| Reply::Return(Value::String(address.url().to_string())))
        .map_err(|(code, message)| Thrown { kind: ErrorKind::Error, message, code: Some(code.to_owned()) })
}

/// Signs the URL of an object; offline, so it takes no longer than the signature.
///
/// # Errors
/// A code and a sentence for the author.
pub(super) fn sign(
    run: &crate::host::RunContext,
    bucket: &str,
    file: &str,
) -> Result<MediaAddress, (&'static str, String)> {
    let storage = storage(run)?;
    run.runtime
        .block_on(storage.url(bucket, file))
        .map(|url| MediaAddress::at(url, storage.endpoint()))
        .map_err(|error| ("STORAGE_URL", error.to_string()))
}

/// The application's storage.
///
/// # Errors
/// A code and a sentence for the author.
pub(super) fn storage(run: &crate::host::RunContext) -> Result<&Arc<SignedUrls>, (&'static str, String)> {
    run.storage.as_ref().ok_or_else(|| {
        let message = format!(
            "the application has no Google Cloud Storage: an admin sets credentials_file in \
             [applications.{}.GOOGLE_CLOUD_STORAGE]",
            run.application.id
        );
        ("STORAGE_NOT_CONFIGURED", message)
    })
}
