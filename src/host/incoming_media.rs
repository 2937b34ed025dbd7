//! `saveMedia`: a medium that came in with a message, stored as an object.
//!
//! Here it is decided what is carried, with whose key and where to. Carrying takes time, and is the pipeline's affair.

use std::sync::Arc;

use serde_json::json;

use crate::host::accounts::{api_base_url, known_account};
use crate::host::functions::{Call, Reply};
use crate::host::media::storage;
use crate::script::protocol::{ErrorKind, Thrown, Value};
use crate::whatsapp::{Account, IncomingMedium, Medium, ObjectName, SignedUrls, TransferError};

/// A medium that is to be saved.
#[derive(Debug, Clone)]
pub struct SaveMedia {
    /// With whose key it is fetched.
    pub account: Account,
    /// Which.
    pub medium: IncomingMedium,
    /// Where objects are.
    pub storage: Arc<SignedUrls>,
    /// What it becomes.
    pub object: ObjectName,
}

impl SaveMedia {
    /// What the script is told once it is saved.
    #[must_use]
    pub fn saved(&self, medium: &Medium) -> Value {
        let ObjectName { bucket, name } = &self.object;
        let saved = json!({
            "bucketName": bucket, "fileName": name, "contentType": medium.content_type, "size": medium.size(),
        });
        Value::Json(saved.to_string())
    }

    /// What is thrown when it was not.
    #[must_use]
    pub fn failed(error: &TransferError) -> Thrown {
        thrown(error.code(), &error.to_string())
    }
}

/// `saveMedia(url, bucketName, fileName)`
pub(super) fn save_media(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let url = call.arguments.required_string(0)?;
    let bucket = call.arguments.required_string(1)?;
    let file = call.arguments.required_string(2)?;
    let storage = storage(call.run).map_err(|(code, message)| thrown(code, &message))?;
    let object =
        ObjectName::parse(bucket, file).map_err(|error| thrown("STORAGE_URL", &error.to_string()))?;
    let (medium, account) = medium(call, url)?;
    Ok(Reply::Save(Box::new(SaveMedia { account, medium, storage: Arc::clone(storage), object })))
}

/// The medium that a URL names, and the account whose key opens it: one that this run may use.
fn medium(call: &Call<'_>, url: &str) -> Result<(IncomingMedium, Account), Thrown> {
    let foreign = |why: &str| thrown("MEDIA_URL_FOREIGN", why);
    let medium = IncomingMedium::parse(url).ok_or_else(|| {
        foreign(
            "the URL is not that of a medium at Twilio (…/2010-04-01/Accounts/AC…/Messages/MM…/Media/ME…): give \
             vo.MediaUrl0 as it came",
        )
    })?;
    let run = call.run;
    let simulator = run.simulator_url.as_ref();
    if api_base_url(run.application.whatsapp_of(&run.company), simulator).is_none() {
        return Err(thrown("SIMULATOR_MISSING", "the simulator is not running"));
    }
    let sid = medium.account();
    let account = known_account(run, sid, call.now).ok_or_else(|| {
        foreign(
            "the medium is of an account whose key this run may not use: the company's and the application's own are \
             in WHATSAPP, and those that the company's actions send with are remembered",
        )
    })?;
    if !medium.is_at(&account) {
        let home = account.api_base_url.origin().ascii_serialization();
        return Err(foreign(&format!(
            "the key of the medium's account is for {home} and the URL is elsewhere: give vo.MediaUrl0 as it came; an \
             admin sets api_base_url where Twilio answers at another address"
        )));
    }
    Ok((medium, account))
}

fn thrown(code: &str, message: &str) -> Thrown {
    Thrown { kind: ErrorKind::Error, message: format!("saveMedia: {message}"), code: Some(code.to_owned()) }
}
