//! What a message that comes in carries, and the form in which the application gets it.
//!
//! Sources: <https://www.twilio.com/docs/messaging/guides/webhook-request>,
//! <https://www.twilio.com/docs/whatsapp/api#receive-messages>.

use serde::{Deserialize, Serialize};

use super::address::Address;
use super::attachments::AttachmentContent;
use super::store::Message;
use super::twiml::AnswerError;
use crate::base::MessageSid;
use crate::whatsapp::Form;

/// What only an incoming message has.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inbound {
    /// What the person who writes is called.
    pub profile_name: String,
    /// A place that was shared.
    pub location: Option<Location>,
    /// A button that was touched.
    pub button: Option<Button>,
    /// The message that is replied to, and who had sent it.
    pub reply_to: Option<(MessageSid, Address)>,
    /// What was wrong with the application's answers.
    pub answer_errors: Vec<AnswerError>,
}

/// A place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Location {
    /// In degrees, north is positive.
    pub latitude: f64,
    /// In degrees, east is positive.
    pub longitude: f64,
    /// Its address.
    #[serde(default)]
    pub address: Option<String>,
    /// Its name.
    #[serde(default)]
    pub label: Option<String>,
}

/// A button of a template that was touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Button {
    /// What it says.
    pub text: String,
    /// What it stands for.
    #[serde(default)]
    pub payload: Option<String>,
}

/// The form of an incoming message; `base_url` is that of the simulator.
pub(super) fn form(message: &Message, base_url: &str) -> Form {
    let unknown = Inbound::default();
    let inbound = message.inbound.as_deref().unwrap_or(&unknown);
    let from = message.from.as_ref();
    let sid = message.sid.as_str();
    let mut form: Form = [
        ("SmsMessageSid", sid),
        ("NumMedia", &message.attachments.len().to_string()),
        ("ProfileName", &inbound.profile_name),
        ("MessageType", message_type(message, inbound)),
        ("SmsSid", sid),
        ("WaId", from.map_or("", |from| from.number().trim_start_matches('+'))),
        ("SmsStatus", "received"),
        ("Body", &message.body),
        ("To", message.to.as_str()),
        ("NumSegments", "1"),
        ("ReferralNumMedia", "0"),
        ("MessageSid", sid),
        ("AccountSid", message.account.as_str()),
        ("From", from.map_or("", |from| from.as_str())),
        ("ApiVersion", "2010-04-01"),
    ]
    .into_iter()
    .collect();
    for (index, medium) in message.attachments.iter().enumerate() {
        if let AttachmentContent::Kept { content_type, .. } = &medium.content {
            form.push(format!("MediaContentType{index}"), content_type);
        }
        form.push(format!("MediaUrl{index}"), format!("{base_url}{}", medium.path(message)));
    }
    if let Some(location) = &inbound.location {
        form.push("Latitude", location.latitude.to_string());
        form.push("Longitude", location.longitude.to_string());
        push(&mut form, "Address", location.address.as_deref());
        push(&mut form, "Label", location.label.as_deref());
    }
    if let Some(button) = &inbound.button {
        form.push("ButtonText", &button.text);
        push(&mut form, "ButtonPayload", button.payload.as_deref());
    }
    if let Some((sid, sender)) = &inbound.reply_to {
        form.push("OriginalRepliedMessageSid", sid.as_str());
        form.push("OriginalRepliedMessageSender", sender.as_str());
    }
    form
}

fn push(form: &mut Form, name: &str, value: Option<&str>) {
    if let Some(value) = value {
        form.push(name, value);
    }
}

/// What kind of message it is, by what it carries.
fn message_type(message: &Message, inbound: &Inbound) -> &'static str {
    let content_type = message.attachments.first().map(|medium| match &medium.content {
        AttachmentContent::Kept { content_type, .. } => content_type.as_str(),
        AttachmentContent::At(_) => "",
    });
    match content_type {
        _ if inbound.location.is_some() => "location",
        _ if inbound.button.is_some() => "button",
        None => "text",
        Some("image/webp") => "sticker",
        Some("text/vcard" | "text/x-vcard") => "contacts",
        Some(medium) if medium.starts_with("image/") => "image",
        Some(medium) if medium.starts_with("audio/") => "audio",
        Some(medium) if medium.starts_with("video/") => "video",
        Some(_) => "document",
    }
}
