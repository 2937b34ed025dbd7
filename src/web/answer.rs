//! Answers that are not what was hoped for: a status, and a body with a stable code.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Why a request is not served. What an attacker could learn from the difference is not in it: unknown application,
/// foreign account and wrong signature are one and the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Not a form, or without what every notification has.
    Malformed(&'static str),
    /// The path and query are too long.
    LongTarget,
    /// No signature.
    Unsigned,
    /// Wrong signature, unknown application, foreign account.
    Forbidden,
    /// The body took too long.
    TooSlow,
    /// The body is too large.
    TooLarge,
    /// It cannot be stored now.
    Unavailable,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let (status, code, message) = match self {
            Self::Malformed(what) => (StatusCode::BAD_REQUEST, "MALFORMED", what),
            Self::LongTarget => {
                (StatusCode::URI_TOO_LONG, "TARGET_TOO_LONG", "path and query are longer than 8000 bytes")
            }
            Self::Unsigned => {
                (StatusCode::BAD_REQUEST, "UNSIGNED", "the header X-Twilio-Signature is missing")
            }
            Self::Forbidden => {
                (StatusCode::FORBIDDEN, "FORBIDDEN", "the request is not signed for this address")
            }
            Self::TooSlow => (StatusCode::REQUEST_TIMEOUT, "TOO_SLOW", "the body did not arrive in time"),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "TOO_LARGE", "the body is larger than 64 KiB"),
            Self::Unavailable => {
                (StatusCode::SERVICE_UNAVAILABLE, "UNAVAILABLE", "the notification cannot be stored now")
            }
        };
        let mut response = error(status, code, message);
        if self == Self::Unavailable {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// `{"error":{"code":…,"message":…}}`
pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "error": { "code": code, "message": message } }))).into_response()
}

pub(super) async fn not_found() -> Response {
    error(StatusCode::NOT_FOUND, "NOT_FOUND", "there is nothing at this address")
}

pub(super) async fn method_not_allowed() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", "this address does not take this method")
}
