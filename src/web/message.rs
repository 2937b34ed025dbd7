//! Incoming messages: verified, kept, acknowledged like a callback, with an empty answer in `TwiML`.
//!
//! Somebody who writes STOP is not written to again by this company, and whoever writes may be written to freely for a
//! day: both are durable with the message itself.

use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{OriginalUri, Path, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};

use crate::base::{CompanyId, MessageStatus, PhoneNumber};
use crate::config::Application;
use crate::store::{Conversation, Fence, NewNotification, Opening, Source};
use crate::web::Site;
use crate::web::verified::Verified;
use crate::whatsapp::{Consent, Form};

/// `TwiML` that asks for nothing (<https://www.twilio.com/docs/messaging/twiml>): replies are sent by actions.
const NO_REPLY: &str = r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"#;

/// `POST /whatsapp/message/{appId}/{companyId}`
pub(super) async fn receive(
    State(site): State<Site>,
    path: Result<Path<(String, String)>, PathRejection>,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let verified = Verified::read(&site, path, &uri, &headers, body).await;
    match site.keep(verified.map(|verified| notification(&site, verified))).await {
        Ok(()) => ([(header::CONTENT_TYPE, "text/xml")], NO_REPLY).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

fn notification(site: &Site, verified: Verified) -> NewNotification {
    NewNotification {
        app: verified.application.id.clone(),
        status: MessageStatus::Received,
        error_code: None,
        error_message: None,
        message: None,
        source: Source::Message,
        conversation: Conversation::of_form(
            verified.application.id.as_str(),
            verified.company.as_str(),
            &verified.body,
        ),
        received_at: site.clock.now(),
        has_action: verified.application.whatsapp.incoming_message.is_some(),
        fence: fence(&verified.application, &verified.company, &verified.form),
        opening: opening(&verified.form),
        company: verified.company,
        account: verified.account,
        message_sid: verified.message_sid,
        form: verified.body,
    }
}

/// Who may be written to freely now, and from where. Of a person without a phone number (a business-scoped id) the host
/// knows nobody to write to.
fn opening(form: &Form) -> Option<Opening> {
    let person = PhoneNumber::writer(form.get("From")?).ok()?;
    Some(Opening { person, sender: PhoneNumber::sender(form.get("To")?).ok()? })
}

/// What the message changes about who is written to.
fn fence(application: &Application, company: &CompanyId, form: &Form) -> Option<Fence> {
    let consent = Consent::of(form.get("Body")?)?;
    let (app, company) = (application.id.clone(), company.clone());
    let recipient = PhoneNumber::writer(form.get("From")?).ok()?;
    Some(match consent {
        Consent::OptOut => Fence::OptOut { app, company, recipient, reason: "STOP".to_owned() },
        Consent::OptIn => Fence::OptIn { app, company, recipient },
    })
}
