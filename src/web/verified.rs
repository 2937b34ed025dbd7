//! What Twilio posts, read within limits and verified.
//!
//! The order of the checks is the order of what they cost and tell: size and form first, then the signature, with
//! everything that could tell an application from another behind it. A refusal costs as many keyed hashes whether there
//! is such an application or not, and however many keys its account has ([`keys`](super::keys)). The URL that the signature covers is the
//! configured public URL with the raw path and query as they came: `Host` and `X-Forwarded-*` are a stranger's word.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, Uri, header};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::base::{AccountSid, AppId, CompanyId, MessageSid};
use crate::config::Application;
use crate::web::Site;
use crate::web::answer::Refusal;
use crate::web::keys::keys;
use crate::whatsapp::{Form, signature};

/// The longest path with its query: each may be signed in several spellings. What RFC 9112, section 3, asks for.
const MAX_TARGET: usize = 8_000;
/// The largest body. Twilio's callbacks stay below 4 KiB.
const MAX_BODY: usize = 64 << 10;
/// How long a body may take.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Twilio's signature (<https://www.twilio.com/docs/usage/webhooks/webhooks-security>).
const SIGNATURE: &str = "x-twilio-signature";

/// What Twilio has said, certainly.
pub(super) struct Verified {
    /// The application that the path names.
    pub(super) application: Arc<Application>,
    /// The company that the path names.
    pub(super) company: CompanyId,
    /// Whose key has signed.
    pub(super) account: AccountSid,
    /// The message that it is about.
    pub(super) message_sid: MessageSid,
    /// The fields.
    pub(super) form: Form,
    /// The same as they came.
    pub(super) body: Bytes,
}

impl Verified {
    /// Reads and verifies a request.
    ///
    /// # Errors
    /// [`Refusal`]: then nothing may be kept.
    pub(super) async fn read(
        site: &Site,
        path: Result<Path<(String, String)>, PathRejection>,
        uri: &Uri,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<Self, Refusal> {
        // A path that is not UTF-8 names no application, like any other that is unknown.
        let (app, company) = path.map_or_else(|_| Default::default(), |Path(names)| names);
        let body = read(body).await?;
        if uri.path_and_query().is_some_and(|raw| raw.as_str().len() > MAX_TARGET) {
            return Err(Refusal::LongTarget);
        }
        if !is_form(headers) {
            return Err(Refusal::Malformed("the body is not application/x-www-form-urlencoded"));
        }
        // A signature that is not even ASCII is as wrong as any other.
        let given = headers.get(SIGNATURE).ok_or(Refusal::Unsigned)?.to_str().unwrap_or_default();
        let form = Form::parse(&body).map_err(|_| Refusal::Malformed("the form has too many fields"))?;
        let account = form
            .get("AccountSid")
            .and_then(|text| AccountSid::parse(text).ok())
            .ok_or(Refusal::Malformed("the form has no AccountSid"))?;

        // From here to the refusal the work is the same, whatever is known of the application and its account.
        let applications = site.applications.now();
        let application = AppId::parse(&app).ok().and_then(|app| applications.get(&app));
        let known = application.zip(CompanyId::parse(&company).ok());
        let ring = site.inbox.keys();
        let keys = known.as_ref().map_or_else(Vec::new, |(application, company)| {
            keys(application, company, &account, ring, site.clock.now())
        });
        let most = applications.most_keys(ring);
        let is_signed = signature::verify_evenly(&signed_url(site, uri), &form, given, &keys, most);
        let Some((application, company)) = known.filter(|_| is_signed) else {
            return Err(Refusal::Forbidden);
        };
        let message_sid = form
            .get("MessageSid")
            .or_else(|| form.get("SmsSid"))
            .and_then(|text| MessageSid::parse(text).ok())
            .ok_or(Refusal::Malformed("the form has no MessageSid"))?;
        Ok(Self { application: Arc::clone(application), company, account, message_sid, form, body })
    }

    /// A field's text, if there is one, cut to 500 characters.
    pub(super) fn word(&self, name: &str) -> Option<String> {
        let word = self.form.get(name).filter(|word| !word.is_empty())?;
        Some(word.chars().take(500).collect())
    }
}

async fn read(body: Body) -> Result<Bytes, Refusal> {
    let whole = Limited::new(body, MAX_BODY).collect();
    match tokio::time::timeout(BODY_TIMEOUT, whole).await {
        Err(_) => Err(Refusal::TooSlow),
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Refusal::TooLarge),
        Ok(Err(_)) => Err(Refusal::Malformed("the body broke off")),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    let kind = kind.split(';').next().unwrap_or("").trim();
    kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// The URL as Twilio signed it: the public one, with the path and query as they came.
fn signed_url(site: &Site, uri: &Uri) -> String {
    let raw = uri.path_and_query().map_or("/", |raw| raw.as_str());
    let prefix = site.prefix();
    // A proxy may have passed the public URL's own path on, or have stripped it.
    let path = raw.strip_prefix(prefix).filter(|rest| rest.starts_with('/')).unwrap_or(raw);
    format!("{}{path}", site.public_url)
}

#[cfg(test)]
mod tests;
