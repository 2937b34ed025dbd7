//! WHATSAPP sections: an application's, and a company's laid over it.

use std::path::Path;

use super::codes;
use super::names::APPLICATION_ONLY;
use super::params::{Environment, MediaCheck, SendingKey, Whatsapp};
use super::reader::{Field, Section};
use super::{secrets, values};
use crate::base::{AccountSid, ActionId, CountryPrefix, PhoneNumber};

const ENVIRONMENTS: &[(&str, Environment)] = &[
    ("simulator", Environment::Simulator),
    ("sandbox", Environment::Sandbox),
    ("production", Environment::Production),
];

const MEDIA_CHECKS: &[(&str, MediaCheck)] =
    &[("off", MediaCheck::Off), ("warn", MediaCheck::Warn), ("strict", MediaCheck::Strict)];

/// An application's WHATSAPP section. Where something is wrong with it, that was reported and what comes out is
/// only good to go on checking.
pub(super) fn of_application(section: &Section<'_>) -> Whatsapp {
    section.missing(
        "environment",
        "write `environment = \"simulator\"`, or \"sandbox\" or \"production\" for Twilio itself",
    );
    let why = "leave both out where every send brings settings of its own";
    needs(section, "account_id", "auth_key", why);
    needs(section, "auth_key", "account_id", why);
    needs(section, "api_key_id", "account_id", why);
    let environment = section.get("environment").and_then(|field| values::one_of(&field, ENVIRONMENTS));
    let below = Whatsapp {
        environment: environment.unwrap_or(Environment::Simulator),
        whatsapp_callback: section.get("whatsapp_callback").and_then(|field| action(&field)),
        incoming_message: section.get("incoming_message").and_then(|field| action(&field)),
        media_check: section
            .get("media_check")
            .and_then(|field| values::one_of(&field, MEDIA_CHECKS))
            .unwrap_or_default(),
        keep_bodies: section.get("keep_bodies").and_then(|field| values::boolean(&field)).unwrap_or_default(),
        ..silent()
    };
    overlay(below, section)
}

/// What an application has that says nothing.
pub(super) fn silent() -> Whatsapp {
    Whatsapp {
        environment: Environment::Simulator,
        account_id: None,
        auth_keys: Vec::new(),
        api_key: None,
        from_phone_number: None,
        messaging_service_id: None,
        whatsapp_callback: None,
        incoming_message: None,
        default_country_prefix: CountryPrefix::default(),
        media_check: MediaCheck::default(),
        keep_bodies: false,
        api_base_url: None,
    }
}

/// A company's parameters: what `section` says, and `application`'s where it is silent.
///
/// `has_account` says whether the application names an account, be it a wrong one that was reported.
pub(super) fn of_company(application: &Whatsapp, has_account: bool, section: &Section<'_>) -> Whatsapp {
    for key in APPLICATION_ONLY {
        if let Some(field) = section.get(key) {
            field.source.report(
                field.key_start,
                codes::MISPLACED_KEY,
                format!("`{key}` belongs to the application, a company can't have its own"),
                format!("move `{key}` to the application's WHATSAPP section"),
            );
        }
    }
    needs(section, "account_id", "auth_key", "the application's key is of another account");
    if !has_account {
        let help = "neither the company nor its application has an account";
        needs(section, "auth_key", "account_id", help);
        needs(section, "api_key_id", "account_id", help);
    }
    overlay(inherited(application, section), section)
}

/// What a company takes over from its application: not the keys of an account that it replaces, nor the other
/// way of choosing a sender.
fn inherited(application: &Whatsapp, section: &Section<'_>) -> Whatsapp {
    let mut whatsapp = application.clone();
    if section.mentions("account_id") {
        whatsapp.auth_keys.clear();
        whatsapp.api_key = None;
    }
    match (section.mentions("from_phone_number"), section.mentions("messaging_service_id")) {
        (true, false) => whatsapp.messaging_service_id = None,
        (false, true) => whatsapp.from_phone_number = None,
        _ => {}
    }
    whatsapp
}

/// Lays the keys that applications and companies share over `below`.
fn overlay(below: Whatsapp, section: &Section<'_>) -> Whatsapp {
    let mut whatsapp = below;
    lay(&mut whatsapp.account_id, section, "account_id", account);
    if let Some(keys) = section.get("auth_key").and_then(|field| secrets::rotation(&field)) {
        whatsapp.auth_keys = keys;
    }
    if let Some(key) = sending_key(section) {
        whatsapp.api_key = Some(key);
    }
    lay(&mut whatsapp.from_phone_number, section, "from_phone_number", sender);
    lay(&mut whatsapp.messaging_service_id, section, "messaging_service_id", |field| {
        values::sid(field, "MG", "the SID of a messaging service")
    });
    if let Some(prefix) = section.get("default_country_prefix").and_then(|field| prefix(&field)) {
        whatsapp.default_country_prefix = prefix;
    }
    lay(&mut whatsapp.api_base_url, section, "api_base_url", |field| {
        values::base_url(field, "https://api.twilio.com")
    });
    whatsapp
}

fn lay<T>(slot: &mut Option<T>, section: &Section<'_>, key: &str, read: impl Fn(&Field<'_>) -> Option<T>) {
    if let Some(value) = section.get(key).and_then(|field| read(&field)) {
        *slot = Some(value);
    }
}

/// Reports `key` that stands without `other`.
fn needs(section: &Section<'_>, key: &str, other: &str, why: &str) {
    if let Some(field) = section.get(key)
        && !section.mentions(other)
    {
        field.source.report(
            field.key_start,
            codes::MISSING_KEY,
            format!("`{key}` needs `{other}`, which is missing {}", section.inside()),
            format!("add `{other}` to this section, or remove `{key}`: {why}"),
        );
    }
}

fn sending_key(section: &Section<'_>) -> Option<SendingKey> {
    let why = "an API key is an SID and a secret";
    needs(section, "api_key_id", "api_key_secret", why);
    needs(section, "api_key_secret", "api_key_id", why);
    let id = section.get("api_key_id").and_then(|field| values::sid(&field, "SK", "the SID of an API key"));
    let secret = section.get("api_key_secret").and_then(|field| secrets::single(&field));
    Some(SendingKey { id: id?, secret: secret? })
}

fn account(field: &Field<'_>) -> Option<AccountSid> {
    AccountSid::parse(&values::sid(field, "AC", "an account SID")?).ok()
}

fn sender(field: &Field<'_>) -> Option<PhoneNumber> {
    let text = field.text()?;
    if text.starts_with("MG") {
        return field.invalid(
            "holds the SID of a messaging service",
            "an `MG…` belongs in `messaging_service_id`; a sender is a phone number, like \"+14155238886\"",
        );
    }
    PhoneNumber::sender(text).ok().or_else(|| {
        field.invalid(
            "is not a phone number in international form",
            "write a plus, the country's code and the number, like \"+14155238886\"",
        )
    })
}

pub(super) fn prefix(field: &Field<'_>) -> Option<CountryPrefix> {
    let prefix = CountryPrefix::parse(field.text()?).ok();
    prefix.or_else(|| {
        field.invalid(
            "is not a country's calling code",
            "write the plus and one to three digits, as in \"+39\"",
        )
    })
}

fn action(field: &Field<'_>) -> Option<ActionId> {
    let text = field.text()?;
    let help = "write the path of the script below the application's folder, without `.js`: `onWhatsappStatus` or \
                `orders/confirm`";
    if Path::new(text).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("js")) {
        return field.invalid("names an action by its file", help);
    }
    ActionId::parse(text).ok().or_else(|| field.invalid("is not the name of an action", help))
}
