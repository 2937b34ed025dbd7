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
    let verified = Verified::read(&site, path, &uri, &headers, body).await;
    match site.keep(verified.and_then(|verified| notification(&site, verified, &uri))).await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

fn notification(site: &Site, verified: Verified, uri: &Uri) -> Result<NewNotification, Refusal> {
    let form = &verified.form;
    let status = form
        .get("MessageStatus")
        .or_else(|| form.get("SmsStatus"))
        .filter(|word| !word.is_empty() && word.len() <= MAX_WORD)
        .ok_or(Refusal::Malformed("the form has no MessageStatus"))?;
    Ok(NewNotification {
        app: verified.application.id.clone(),
        status: MessageStatus::parse(status),
        error_code: verified.word("ErrorCode"),
        error_message: verified.word("ErrorMessage").or_else(|| verified.word("ChannelStatusMessage")),
        message: message_id(uri),
        source: Source::Callback,
        conversation: None,
        received_at: site.clock.now(),
        has_action: verified.application.whatsapp.whatsapp_callback.is_some(),
        fence: None,
        opening: None,
        company: verified.company,
        account: verified.account,
        message_sid: verified.message_sid,
        form: verified.body,
    })
}

/// The host's id of the message, which its own callback URLs carry.
fn message_id(uri: &Uri) -> Option<MessageId> {
    form_urlencoded::parse(uri.query()?.as_bytes())
        .find(|(name, _)| name == "message")
        .and_then(|(_, value)| MessageId::parse(&value).ok())
}
