//! Bodies of requests under `/simulator`.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use serde::de::DeserializeOwned;

use crate::simulator::error::ApiError;

/// A body in JSON; one that is not what it should be is answered as Twilio answers, with the place and the reason.
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(JsonRejection::MissingJsonContentType(_)) => {
                Err(ApiError::new(20415, "the body is JSON: send it with Content-Type: application/json"))
            }
            Err(rejection) => {
                let text = rejection.body_text();
                // Which part of axum found it says nothing to whoever wrote the body.
                let why = text.split_once(": ").map_or(text.as_str(), |(_, why)| why);
                Err(ApiError::new(
                    20001,
                    format!("the body is not what this takes (docs/simulator.md): {why}"),
                ))
            }
        }
    }
}
