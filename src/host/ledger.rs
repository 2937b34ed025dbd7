//! `getWhatsappMessage`: the host's own record of a message.

use serde_json::json;

use crate::base::Diagnostic;
use crate::host::functions::{Call, Reply};
use crate::script::protocol::{ErrorKind, Thrown, Value};
use crate::store::{Ledger, MessageRow, StoreError};

/// `getWhatsappMessage(sid)`: the record as a JSON string, or null. Another application's message is unknown.
pub(super) fn get_whatsapp_message(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let id = call.arguments.required_string(0)?;
    let app = call.run.application.id.as_str();
    let record = Ledger::open(&call.run.ledger).and_then(|ledger| record(&ledger, id, app));
    match record {
        Ok(Some(record)) => Ok(Reply::Return(Value::String(record.to_string()))),
        Ok(None) => Ok(Reply::Return(Value::Null)),
        Err(error) => Err(thrown(&error.diagnostic())),
    }
}

fn record(ledger: &Ledger, id: &str, app: &str) -> Result<Option<serde_json::Value>, StoreError> {
    let Some(message) = ledger.message_of(app, id)? else { return Ok(None) };
    let history = ledger.history(&message)?;
    let MessageRow { id, sid, app_id, company_id, to, from, status, .. } = &message;
    // The other names and forms are those of `messages show`.
    let shown = serde_json::to_value(&message).unwrap_or_default();
    Ok(Some(json!({
        "id": id, "sid": sid, "appId": app_id, "companyId": company_id, "to": to, "from": from, "status": status,
        "errorCode": shown["errorCode"], "errorMessage": shown["errorMessage"], "template": shown["template"],
        "price": shown["price"], "priceUnit": shown["priceUnit"], "createdAt": shown["createdAt"],
        "updatedAt": shown["updatedAt"], "history": history,
    })))
}

fn thrown(diagnostic: &Diagnostic) -> Thrown {
    Thrown {
        kind: ErrorKind::Error,
        message: format!("getWhatsappMessage: {}", diagnostic.message),
        code: Some(diagnostic.code.to_owned()),
    }
}
