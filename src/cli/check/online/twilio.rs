//! What is asked of Twilio about one section: its keys, its sender, its messaging service. No answer shows a key.

use super::{Section, Told};
use crate::base::{AccountSid, Diagnostic, PhoneNumber, Secret};
use crate::config::Environment;
use crate::whatsapp::twilio::SenderRecord;
use crate::whatsapp::{Account, MessageFilter, ReadError, Twilio};

/// The sandbox's number (<https://www.twilio.com/docs/whatsapp/sandbox>).
const SANDBOX: &str = "+14155238886";
/// The most numbers that are named when the right one is not among them.
const MAX_NAMED: usize = 3;

/// Asks everything about a section.
pub(super) async fn ask(client: Twilio, section: Section) -> Vec<Told> {
    let Some(sid) = section.whatsapp.account_id.clone() else {
        return vec![Told::Fine(format!(
            "{}: the parameters name no account; the actions bring theirs along",
            section.name
        ))];
    };
    let (mut told, good) = tokens(&client, &section, &sid).await;
    // With no key that counts Twilio tells nothing more.
    let Some(account) = good else { return told };
    let (key, sender, service) = tokio::join!(
        api_key(&client, &section, &sid),
        sender(&client, &section, &account),
        service(&client, &section, &account)
    );
    told.extend([key, sender, service].into_iter().flatten());
    told
}

/// Tries each auth token; gives the first one that is good.
async fn tokens(client: &Twilio, section: &Section, sid: &AccountSid) -> (Vec<Told>, Option<Account>) {
    let keys = &section.whatsapp.auth_keys;
    let mut told = Vec::new();
    let (mut good, mut refused) = (None, Vec::new());
    for (number, key) in keys.iter().enumerate() {
        let account = account(section, sid, sid.as_str(), key);
        match client.fetch_account(&account).await {
            Ok(record) => {
                let state = record.status.as_deref().unwrap_or("active");
                if state != "active" && good.is_none() {
                    let message = format!("{}: Twilio says that the account is {state}", section.name);
                    let help = "see in Twilio's console what it waits for; until then nothing is sent";
                    told.push(problem(
                        section,
                        "account_id",
                        Diagnostic::error("ACCOUNT_INACTIVE", message),
                        help,
                    ));
                }
                let kind = record.kind.filter(|kind| kind == "Trial").map_or("", |_| ", a trial account");
                told.push(Told::Fine(format!(
                    "{}: Twilio takes {}{kind}",
                    section.name,
                    ordinal(number, keys.len())
                )));
                good = good.or(Some(account));
            }
            // Of an account that is not the key's own Twilio knows nothing.
            Err(ReadError::Refused(_) | ReadError::NotFound) => refused.push(number),
            Err(error) => {
                told.push(unclear(section, "account_id", "whether the credentials are good", &error));
                return (told, None);
            }
        }
    }
    for number in refused {
        let which = ordinal(number, keys.len());
        let message = format!("{}: Twilio refuses {which} with this account_id", section.name);
        let refusal = if good.is_some() {
            let help = "leave it out of the list when the change of token is over";
            problem(section, "auth_key", Diagnostic::warning("CREDENTIALS_REFUSED", message), help)
        } else {
            let help = "copy Account SID and Auth Token anew, from the same page of Twilio's console";
            problem(section, "auth_key", Diagnostic::error("CREDENTIALS_REFUSED", message), help)
        };
        told.push(refusal);
    }
    (told, good)
}

/// Which of the auth tokens.
fn ordinal(number: usize, of: usize) -> String {
    if of == 1 { "auth_key".to_owned() } else { format!("token {} of auth_key", number + 1) }
}

/// An API key may send and read messages; it need not be allowed to read the account.
async fn api_key(client: &Twilio, section: &Section, sid: &AccountSid) -> Option<Told> {
    let key = section.whatsapp.api_key.as_ref()?;
    let account = account(section, sid, &key.id, &key.secret);
    let filter = MessageFilter { to: None, from: None, created_since: None, limit: 1 };
    let name = &section.name;
    Some(match client.list_messages(&account, &filter).await {
        Ok(_) => Told::Fine(format!("{name}: Twilio takes the API key")),
        Err(ReadError::Refused(refusal)) if !refusal.is_of_the_key() => {
            let message = format!("{name}: the API key may not read messages");
            let help = "a restricted key needs to create and read messages, or doubts are not cleared up";
            problem(section, "api_key_id", Diagnostic::warning("API_KEY_REFUSED", message), help)
        }
        Err(ReadError::Refused(_) | ReadError::NotFound) => {
            let message =
                format!("{name}: Twilio refuses api_key_id and api_key_secret with this account_id");
            let help = "make a new API key in the console of this account; its secret is shown once";
            problem(section, "api_key_id", Diagnostic::error("API_KEY_REFUSED", message), help)
        }
        Err(error) => unclear(section, "api_key_id", "whether the API key is good", &error),
    })
}

/// Whether the account may send from the number.
async fn sender(client: &Twilio, section: &Section, account: &Account) -> Option<Told> {
    let number = section.whatsapp.from_phone_number.as_ref()?;
    let name = &section.name;
    if section.whatsapp.environment == Environment::Sandbox {
        return Some(if number.to_string() == SANDBOX {
            Told::Fine(format!("{name}: from_phone_number is the sandbox's"))
        } else {
            let message = format!("{name}: {number} is not the number of Twilio's sandbox");
            let help = format!("write {SANDBOX}, or environment = \"production\" for a sender of your own");
            problem(section, "from_phone_number", Diagnostic::warning("SENDER_UNKNOWN", message), &help)
        });
    }
    let senders = match client.whatsapp_senders(account).await {
        Ok(senders) => senders,
        Err(error) => {
            return Some(unclear(
                section,
                "from_phone_number",
                "which WhatsApp senders the account has",
                &error,
            ));
        }
    };
    let Some(record) = senders.iter().find(|sender| is(sender, number)) else {
        let message = format!("{name}: {number} is no WhatsApp sender of this account");
        let diagnostic = Diagnostic::error("SENDER_UNKNOWN", message);
        return Some(problem(section, "from_phone_number", diagnostic, &instead(number, &senders)));
    };
    let state = record.status.as_deref().unwrap_or("ONLINE");
    // `ONLINE:UPDATING` still sends.
    Some(if state.starts_with("ONLINE") {
        Told::Fine(format!("{name}: {number} is a WhatsApp sender of the account, and online"))
    } else {
        let message = format!("{name}: {number} is a WhatsApp sender of this account, but {state}");
        let help = "see in Twilio's console, under WhatsApp senders, what it waits for";
        problem(section, "from_phone_number", Diagnostic::error("SENDER_OFFLINE", message), help)
    })
}

fn is(sender: &SenderRecord, number: &PhoneNumber) -> bool {
    let written = sender.sender_id.as_deref();
    written.and_then(|written| PhoneNumber::sender(written).ok()).as_ref() == Some(number)
}

fn instead(number: &PhoneNumber, senders: &[SenderRecord]) -> String {
    if number.to_string() == SANDBOX {
        return "this is the sandbox's number: write environment = \"sandbox\", or a sender of your own"
            .to_owned();
    }
    let numbers: Vec<_> = senders.iter().filter_map(|sender| sender.sender_id.as_deref()).collect();
    match numbers.len() {
        0 => "the account has no WhatsApp sender: register one in Twilio's console, under WhatsApp senders"
            .to_owned(),
        count if count <= MAX_NAMED => format!("the account has {}", numbers.join(", ")),
        count => {
            format!("the account has {} and {} more", numbers[..MAX_NAMED].join(", "), count - MAX_NAMED)
        }
    }
}

/// Whether the account has the messaging service.
async fn service(client: &Twilio, section: &Section, account: &Account) -> Option<Told> {
    let service = section.whatsapp.messaging_service_id.as_deref()?;
    let name = &section.name;
    Some(match client.has_messaging_service(account, service).await {
        Ok(true) => Told::Fine(format!("{name}: the account has the messaging service")),
        Ok(false) => {
            let message = format!("{name}: the account has no messaging service {service}");
            let help = "copy its SID from Twilio's console, of the same account";
            let diagnostic = Diagnostic::error("MESSAGING_SERVICE_UNKNOWN", message);
            problem(section, "messaging_service_id", diagnostic, help)
        }
        Err(error) => {
            unclear(section, "messaging_service_id", "whether the account has the messaging service", &error)
        }
    })
}

fn account(section: &Section, sid: &AccountSid, username: &str, password: &Secret) -> Account {
    Account {
        sid: sid.clone(),
        username: username.to_owned(),
        password: password.clone(),
        spares: Vec::new(),
        api_base_url: section.api.clone(),
    }
}

fn problem(section: &Section, key: &str, diagnostic: Diagnostic, help: &str) -> Told {
    Told::Problem(diagnostic.at(section.place(key)).help(help))
}

/// Nobody knows: Twilio could not be asked, or its answer says nothing about it.
fn unclear(section: &Section, key: &str, what: &str, error: &ReadError) -> Told {
    let message = format!("{}: it is not known {what}: {error}", section.name);
    problem(
        section,
        key,
        Diagnostic::warning("ONLINE_UNCLEAR", message),
        "look at the network, and try again",
    )
}
