//! Twilio's errors.

use axum::Json;
use axum::http::header::{RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::whatsapp::codes;

/// An error as Twilio answers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) code: i64,
    pub(super) message: String,
    /// `Retry-After`, in seconds.
    pub(super) retry_after: Option<u32>,
}

impl ApiError {
    pub(super) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// An error that was asked for by its code.
    pub(super) fn of_code(code: i64) -> Self {
        let meaning = codes::explain(code).map(|known| known.meaning);
        Self::new(code, meaning.unwrap_or("An error that was asked for"))
    }

    /// What stands under `path` does not exist.
    /// Nobody is told which half of a name and its key is wrong.
    pub(super) fn unauthorized() -> Self {
        Self::new(20003, "Authenticate")
    }

    pub(super) fn not_found(path: &str) -> Self {
        Self::new(20404, format!("The requested resource {path} was not found"))
    }

    fn status(&self) -> StatusCode {
        match self.code {
            20003 => StatusCode::UNAUTHORIZED,
            20004 => StatusCode::METHOD_NOT_ALLOWED,
            20404 => StatusCode::NOT_FOUND,
            // Twilio's pages name no code for this one.
            20415 => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            20429 => StatusCode::TOO_MANY_REQUESTS,
            20500 => StatusCode::INTERNAL_SERVER_ERROR,
            20503 => StatusCode::SERVICE_UNAVAILABLE,
            20009 | 30409 => StatusCode::CONFLICT,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let body = Json(json!({
            "code": self.code,
            "message": self.message,
            "more_info": codes::more_info(self.code),
            "status": status.as_u16(),
        }));
        let mut response = (status, body).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"Twilio API\""));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
