//! What an account is and has, to be read: itself, its WhatsApp senders, its messaging services. `boatswain check --online`
//! asks for these, and whoever sets up an application by Twilio's API.
//!
//! Senders and services are read at `messaging.twilio.com`; the simulator has one address for all of Twilio's. There the
//! path names no account: who signs in is meant.
//!
//! Sources: <https://www.twilio.com/docs/iam/api/account>, <https://www.twilio.com/docs/whatsapp/api/senders>,
//! <https://www.twilio.com/docs/messaging/api/service-resource>.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State as Shares};
use axum::http::{HeaderMap, Uri};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Shared;
use super::accounts::{SimulatedAccount, SimulatedSender};
use super::error::ApiError;
use super::list::Pages;
use super::rest::{SignedIn, form_of};
use super::senders;
use super::store::messages_path;
use crate::base::UnixMillis;
use crate::whatsapp::message::format_date;

const SENDERS: &str = "/v2/Channels/Senders";

pub(super) fn routes() -> Router<Arc<Shared>> {
    Router::new()
        .route("/2010-04-01/Accounts/{account}", get(account))
        .route(SENDERS, get(list_senders))
        .route("/v1/Services/{service}", get(service))
}

/// The account itself, for its auth token: an API key may not read it, as at Twilio.
async fn account(
    Shares(shared): Shares<Arc<Shared>>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let sid = file.strip_suffix(".json").unwrap_or(&file);
    let SignedIn { account, username, password } =
        shared.sign_in(&headers, |account| account.sid.as_str() == sid)?;
    if username != sid {
        return Err(ApiError::unauthorized());
    }
    let started = format_date(shared.started);
    Ok(Json(json!({
        "auth_token": password,
        "date_created": started,
        "date_updated": started,
        "friendly_name": "Simulated account",
        "owner_account_sid": account.sid,
        "sid": account.sid,
        "status": "active",
        "subresource_uris": { "messages": format!("{}.json", messages_path(&account.sid)) },
        "type": "Full",
        "uri": format!("/2010-04-01/Accounts/{}.json", account.sid),
    })))
}

async fn list_senders(
    Shares(shared): Shares<Arc<Shared>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Json<Value>, ApiError> {
    let account = shared.sign_in(&headers, |_| true)?.account;
    let query = form_of(query.unwrap_or_default().as_bytes())?;
    let channel = query.get("Channel").unwrap_or_default();
    if !matches!(channel, "whatsapp" | "rcs") {
        return Err(ApiError::new(20001, "Channel must be whatsapp or rcs"));
    }
    let pages = Pages::of(&query)?;
    let of_channel = account.senders.iter().filter(|_| channel == "whatsapp");
    let senders: Vec<_> = of_channel
        .skip(pages.skipped())
        .take(pages.size + 1)
        .map(|sender| shared.sender(&account, sender))
        .collect();
    Ok(Json(pages.with_meta(&format!("{}{SENDERS}", shared.base_url), "senders", senders)))
}

async fn service(
    Shares(shared): Shares<Arc<Shared>>,
    Path(sid): Path<String>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, ApiError> {
    let account = shared.sign_in(&headers, |_| true)?.account;
    let rules = shared.state().rules;
    senders::pool(&account, rules, &sid).map_err(|_| ApiError::not_found(uri.path()))?;
    let started = UnixMillis(shared.started.0 / 1000 * 1000).to_string().replace(".000Z", "Z");
    Ok(Json(json!({
        "account_sid": account.sid,
        "area_code_geomatch": true,
        "date_created": started,
        "date_updated": started,
        "fallback_method": "POST",
        "fallback_to_long_code": false,
        "fallback_url": null,
        "friendly_name": "Simulated messaging service",
        "inbound_method": "POST",
        "inbound_request_url": null,
        "links": {},
        "mms_converter": true,
        "scan_message_content": "inherit",
        "sid": sid,
        "smart_encoding": true,
        "status_callback": null,
        "sticky_sender": true,
        "synchronous_validation": false,
        "url": format!("{}/v1/Services/{sid}", shared.base_url),
        "us_app_to_person_registered": false,
        "use_inbound_webhook_on_number": true,
        "usecase": null,
        // The longest a message may wait, in seconds: <https://www.twilio.com/docs/messaging/api/message-resource>.
        "validity_period": 36_000,
    })))
}

impl Shared {
    fn sender(&self, account: &SimulatedAccount, sender: &SimulatedSender) -> Value {
        let sid = sender_sid(account, sender);
        json!({
            "compliance": null,
            "configuration": {
                "account_type": null,
                "verification_code": null,
                "verification_method": null,
                "voice_application_sid": null,
                "waba_id": null,
            },
            "friendly_name": null,
            "offline_reasons": null,
            "profile": null,
            "properties": { "messaging_limit": null, "quality_rating": null },
            "sender_id": sender.number,
            "sid": sid,
            "status": "ONLINE",
            "url": format!("{}{SENDERS}/{sid}", self.base_url),
            "webhook": {
                "callback_method": "POST",
                "callback_url": sender.incoming_url,
                "fallback_method": "POST",
                "fallback_url": null,
                "status_callback_method": "POST",
                "status_callback_url": null,
            },
        })
    }
}

/// The same for the same sender of the same account.
fn sender_sid(account: &SimulatedAccount, sender: &SimulatedSender) -> String {
    let digest = Sha256::digest(format!("{} {}", account.sid, sender.number));
    digest.iter().take(16).fold("XE".to_owned(), |sid, byte| format!("{sid}{byte:02x}"))
}
