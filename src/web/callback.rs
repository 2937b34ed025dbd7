//! Twilio's status callbacks: verified, kept, acknowledged; nothing else happens before the answer.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use crate::base::{MessageId, MessageStatus};
use crate::store::{NewNotification, Source};
use crate::web::Site;
use crate::web::answer::Refusal;
use crate::web::verified::Verified;

/// The longest status that is kept.
const MAX_WORD: usize = 100;

/// `POST /whatsapp/callback/{appId}/{companyId}`
pub(super) async fn receive(
    State(site): State<Site>,
    path: Result<Path<(String, String)>, PathRejection>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let accepted = match Verified::read(&site, path, &uri, &headers, body).await {
        Ok(verified) => accept(&site, verified, &uri).await,
        Err(refusal) => Err(refusal),
    };
    match accepted {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => {
            tracing::debug!(?refusal, "a callback was refused");
            refusal.into_response()
        }
    }
}

async fn accept(site: &Site, verified: Verified, uri: &Uri) -> Result<(), Refusal> {
    let form = &verified.form;
    let status = form
        .get("MessageStatus")
        .or_else(|| form.get("SmsStatus"))
        .filter(|word| !word.is_empty() && word.len() <= MAX_WORD)
        .ok_or(Refusal::Malformed("the form has no MessageStatus"))?;
    let notification = NewNotification {
        app: verified.application.id.clone(),
        status: MessageStatus::parse(status),
        error_code: verified.word("ErrorCode"),
        error_message: verified.word("ErrorMessage").or_else(|| verified.word("ChannelStatusMessage")),
        message: message_id(uri),
        source: Source::Callback,
        received_at: site.clock.now(),
        has_action: verified.application.whatsapp.whatsapp_callback.is_some(),
        fence: None,
        company: verified.company,
        account: verified.account,
        message_sid: verified.message_sid,
        form: verified.body,
    };
    site.keep(notification).await
}

/// The host's id of the message, which its own callback URLs carry.
fn message_id(uri: &Uri) -> Option<MessageId> {
    form_urlencoded::parse(uri.query()?.as_bytes())
        .find(|(name, _)| name == "message")
        .and_then(|(_, value)| MessageId::parse(&value).ok())
}
