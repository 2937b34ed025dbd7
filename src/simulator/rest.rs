//! Twilio's REST paths.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State as Shares};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::accept::{self, Place};
use super::accounts::SimulatedAccount;
use super::admit::Admitted;
use super::attachments;
use super::directory;
use super::error::ApiError;
use super::list;
use super::rules::Rules;
use super::script::Step;
use super::store::{Direction, Message};
use super::{Shared, State};
use crate::base::MessageSid;
use crate::whatsapp::{Form, MessageStatus};

/// The longest request body, in bytes: a text of 1,600 characters, percent-encoded, has 20,000.
const MAX_BODY: usize = 64 * 1024;

/// An account, and how somebody signs in to it.
pub(super) struct SignedIn {
    pub(super) account: SimulatedAccount,
    /// Its SID, or an API key's.
    pub(super) username: String,
    pub(super) password: String,
}

pub(super) fn routes() -> Router<Arc<Shared>> {
    const MESSAGES: &str = "/2010-04-01/Accounts/{account}/Messages";
    Router::new()
        .route(&format!("{MESSAGES}.json"), post(create).get(list::list))
        .route(&format!("{MESSAGES}/{{file}}"), get(fetch).post(update).delete(remove))
        .route(&format!("{MESSAGES}/{{message}}/Media.json"), get(attachments::list))
        .route(
            &format!("{MESSAGES}/{{message}}/Media/{{file}}"),
            get(attachments::fetch).delete(attachments::remove),
        )
        .route("/media/{message}/{key}", get(attachments::content))
        .merge(directory::routes())
        .method_not_allowed_fallback(async || ApiError::new(20004, "Method not allowed"))
        .fallback(async |uri: Uri| ApiError::not_found(uri.path()))
        .layer(DefaultBodyLimit::max(MAX_BODY))
}

async fn create(
    Shares(shared): Shares<Arc<Shared>>,
    Path(account): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let account = shared.authorize(&headers, &account)?;
    let sent = send(&shared, &account, &form_in(&headers, &body)?, Direction::OutboundApi)?;
    if let Some(wait) = sent.wait {
        let _ = wait.await; // an error: everything was forgotten meanwhile
    }
    Ok((StatusCode::CREATED, Extension(sent.answer), Json(sent.message.resource())).into_response())
}

/// Takes a message that the application asks for, and lets happen what becomes of it.
pub(super) fn send(
    shared: &Arc<Shared>,
    account: &SimulatedAccount,
    form: &Form,
    direction: Direction,
) -> Result<Admitted, ApiError> {
    let now = shared.clock.now();
    let request = {
        let State { rules, sticky, .. } = &mut *shared.state();
        accept::check(form, Place { account, rules: *rules, now, direction }, sticky)?
    };
    shared.admit(account, request)
}

async fn fetch(
    Shares(shared): Shares<Arc<Shared>>,
    Path((account, file)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let message = shared.message(&headers, &account, &file, &uri)?;
    Ok(Json(message.resource()).into_response())
}

/// Calls a message off (`Status=canceled`) or takes its text back (`Body=`).
async fn update(
    Shares(shared): Shares<Arc<Shared>>,
    Path((account, file)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let message = shared.message(&headers, &account, &file, &uri)?;
    let form = form_in(&headers, &body)?;
    let cancels = match form.get("Status") {
        None => false,
        Some("canceled") => true,
        Some(_) => return Err(ApiError::new(20001, "Status must be canceled")),
    };
    let redacts = match form.get("Body") {
        None => false,
        Some("") => true,
        Some(_) => return Err(ApiError::new(20001, "Body can be removed only, by an empty value")),
    };
    let now = shared.clock.now();
    // Judged and changed under one lock: its script may be sending it right now.
    let changed = shared.change(&message.sid, |message| {
        if cancels {
            // Only what is scheduled: <https://www.twilio.com/docs/api/errors/30409>.
            if message.status != MessageStatus::Scheduled {
                return Err(ApiError::new(30409, "This message cannot be canceled"));
            }
            message.status = MessageStatus::Canceled;
        }
        if redacts {
            message.body.clear();
        }
        message.updated = now;
        Ok(message.resource())
    });
    let resource = changed.ok_or_else(|| ApiError::not_found(uri.path()))??;
    if cancels {
        let called_off = Step::new(Duration::ZERO, MessageStatus::Canceled);
        shared.step(&mut shared.state(), &message.sid, &called_off);
    }
    Ok(Json(resource).into_response())
}

/// Refused while something may still become of the message, as Twilio does; open rules lift this.
/// Source: <https://www.twilio.com/docs/api/errors/20009>.
async fn remove(
    Shares(shared): Shares<Arc<Shared>>,
    Path((account, file)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    let message = shared.message(&headers, &account, &file, &uri)?;
    let is_strict = shared.state().rules != Rules::Open;
    if is_strict && !message.status.is_settled() {
        return Err(ApiError::new(20009, "Cannot delete this resource before it is complete"));
    }
    shared.state().messages.remove(&message.sid);
    shared.announce();
    Ok(StatusCode::NO_CONTENT)
}

/// The form in a request. What says that it is something else is refused: read as a form it would lack every field.
fn form_in(headers: &HeaderMap, body: &[u8]) -> Result<Form, ApiError> {
    let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.is_empty() && !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let message = format!("Content-Type is {essence} and must be application/x-www-form-urlencoded");
        return Err(ApiError::new(20415, message));
    }
    form_of(body)
}

pub(super) fn form_of(body: &[u8]) -> Result<Form, ApiError> {
    Form::parse(body).map_err(|error| ApiError::new(20001, error.to_string()))
}

impl Shared {
    /// The account of a path, if the request signs in to it.
    pub(super) fn authorize(&self, headers: &HeaderMap, account: &str) -> Result<SimulatedAccount, ApiError> {
        self.sign_in(headers, |known| known.sid.as_str() == account).map(|signed_in| signed_in.account)
    }

    /// Who signs in, among the accounts that are `meant`.
    pub(super) fn sign_in(
        &self,
        headers: &HeaderMap,
        meant: impl Fn(&SimulatedAccount) -> bool,
    ) -> Result<SignedIn, ApiError> {
        let credentials = headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.split_once(' '))
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .and_then(|(_, text)| STANDARD.decode(text.trim()).ok())
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let given = credentials.as_ref().and_then(|text| text.split_once(':'));
        let (username, password) = given.ok_or_else(ApiError::unauthorized)?;
        let state = self.state();
        let admitted = state.accounts.values().find(|known| meant(known) && known.admits(username, password));
        let account = admitted.cloned().ok_or_else(ApiError::unauthorized)?;
        Ok(SignedIn { account, username: username.to_owned(), password: password.to_owned() })
    }

    /// The message of a path, of an account that the request signs in to.
    pub(super) fn message(
        &self,
        headers: &HeaderMap,
        account: &str,
        file: &str,
        uri: &Uri,
    ) -> Result<Message, ApiError> {
        let account = self.authorize(headers, account)?;
        let sid = file.strip_suffix(".json").unwrap_or(file);
        let state = self.state();
        let found = MessageSid::parse(sid).ok().and_then(|sid| state.messages.get(&sid));
        let found = found.filter(|message| message.account == account.sid);
        found.cloned().ok_or_else(|| ApiError::not_found(uri.path()))
    }
}
