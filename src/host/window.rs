//! The 24-hour window: whose message opens it for whom, and `getWhatsappWindow`.

use serde_json::json;

use crate::base::{CompanyId, Diagnostic, PhoneNumber, Window};
use crate::config::{Application, Whatsapp};
use crate::host::functions::{Call, Reply};
use crate::host::messages::{Refused, sender};
use crate::script::protocol::{ErrorKind, Thrown, Value};
use crate::store::{Correspondent, Ledger};
use crate::whatsapp::Sender;

/// Whether a sender is the one of these parameters.
#[must_use]
pub fn is_own(parameters: &Whatsapp, sender: &Sender) -> bool {
    match sender {
        Sender::Number(number) => parameters.from_phone_number.as_ref() == Some(number),
        Sender::MessagingService(service) => parameters.messaging_service_id.as_ref() == Some(service),
    }
}

/// Whoever writes in a company's name from a sender. Where companies send with the application's own sender, people
/// answer to the application, whose company is `nobody`.
#[must_use]
pub fn correspondent<'a>(
    application: &'a Application,
    company: &'a CompanyId,
    sender: &'a Sender,
    nobody: &'a CompanyId,
) -> Correspondent<'a> {
    Correspondent {
        app: &application.id,
        company,
        sharing: is_own(&application.whatsapp, sender).then_some(nobody),
        sender: match sender {
            Sender::Number(number) => Some(number),
            Sender::MessagingService(_) => None,
        },
    }
}

/// Without the text that was given: it may be most of somebody's number, and an exception stands in logs.
const NO_NUMBER: &str = "the argument is no phone number: give an international one such as +393331234567, or a national \
    one where default_country_prefix is set";

/// `getWhatsappWindow(phoneNumber)`: the window as a JSON string. Of the company's own sender, at the moment of the call:
/// a run that is replayed gets what it got the first time.
pub(super) fn get_whatsapp_window(call: &mut Call<'_>) -> Result<Reply, Thrown> {
    let Some(number) = call.arguments.phone(0)? else {
        return Err(call.arguments.wrong(0, "a phone number as a string", &Value::Undefined));
    };
    let run = call.run;
    let parameters = run.application.whatsapp_of(&run.company);
    let person = PhoneNumber::recipient(&number, parameters.default_country_prefix)
        .map_err(|_| thrown("INVALID_PHONE_NUMBER", NO_NUMBER))?;
    let sender = sender(parameters, None).map_err(|Refused(code, message)| thrown(code, &message))?;
    let nobody = CompanyId::none();
    let who = correspondent(&run.application, &run.company, &sender, &nobody);
    let window = Ledger::open(&run.ledger)
        .and_then(|ledger| ledger.window(who, &person))
        .map_err(|error| in_ledger(&error.diagnostic()))?;
    let shown = json!({
        "open": window.is_some_and(|window| window.is_open(call.now)),
        "lastMessageAt": window.map(|window| window.last_message_at.to_string()),
        "closesAt": window.map(|window: Window| window.closes_at().to_string()),
    });
    Ok(Reply::Return(Value::String(shown.to_string())))
}

fn in_ledger(diagnostic: &Diagnostic) -> Thrown {
    thrown(diagnostic.code, &diagnostic.message)
}

fn thrown(code: &str, message: &str) -> Thrown {
    Thrown {
        kind: ErrorKind::Error,
        message: format!("getWhatsappWindow: {message}"),
        code: Some(code.to_owned()),
    }
}
