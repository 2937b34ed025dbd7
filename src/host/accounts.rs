//! With whose key Twilio is asked, and where.

use url::Url;

use crate::base::{AccountSid, CompanyId, Secret, UnixMillis};
use crate::config::{Application, Environment, Whatsapp};
use crate::host::RunContext;
use crate::store::KeyPlace;
use crate::whatsapp::{Account, twilio};

/// The parameters' own account: its API key if there is one, else its auth tokens. `None`: they name none.
pub(super) fn own_account(parameters: &Whatsapp, api_base_url: Url) -> Option<Account> {
    let (sid, (first, spares)) = (parameters.account_id.as_ref()?, parameters.auth_keys.split_first()?);
    let (username, password, spares) = match &parameters.api_key {
        Some(key) => (key.id.clone(), key.secret.clone(), Vec::new()),
        None => (sid.to_string(), first.clone(), spares.to_vec()),
    };
    Some(Account { sid: sid.clone(), username, password, spares, api_base_url })
}

/// Where the API is; `None`: the simulator is meant, and it is not running.
pub(super) fn api_base_url(parameters: &Whatsapp, simulator: Option<&Url>) -> Option<Url> {
    match (&parameters.api_base_url, parameters.environment) {
        (Some(url), _) => Some(url.clone()),
        (None, Environment::Simulator) => simulator.cloned(),
        (None, Environment::Sandbox | Environment::Production) => Url::parse(twilio::API).ok(),
    }
}

/// The account of this sid as this company reads its messages: as it sends with it ([`company_account`]), else as
/// another company's section names it. `None` where nobody knows a key.
#[must_use]
pub fn account_of(
    application: &Application,
    company: &CompanyId,
    sid: &AccountSid,
    remembered: Vec<Secret>,
    simulator: Option<&Url>,
) -> Option<Account> {
    company_account(application, company, sid, remembered, simulator).or_else(|| {
        application.companies.values().find_map(|company| named_in(&company.whatsapp, sid, simulator))
    })
}

/// The account of this sid as this company sends with it: with the keys of the company's section, then of the
/// application's, then with those `remembered` of what the company's actions brought along.
fn company_account(
    application: &Application,
    company: &CompanyId,
    sid: &AccountSid,
    remembered: Vec<Secret>,
    simulator: Option<&Url>,
) -> Option<Account> {
    let own = application.whatsapp_of(company);
    let of = |parameters| named_in(parameters, sid, simulator);
    let mut remembered = remembered.into_iter();
    if let Some(mut account) = [own, &application.whatsapp].into_iter().find_map(of) {
        if account.username == sid.as_str() {
            account.spares.extend(remembered.filter(|key| *key != account.password));
        }
        return Some(account);
    }
    let password = remembered.next()?;
    let (sid, username, spares) = (sid.clone(), sid.to_string(), remembered.collect());
    Some(Account { sid, username, password, spares, api_base_url: api_base_url(own, simulator)? })
}

/// The account of this sid as a run uses it: its company's own, or one that the company's actions have brought along.
pub(super) fn known_account(run: &RunContext, sid: &AccountSid, now: UnixMillis) -> Option<Account> {
    let (app, company) = (run.application.id.clone(), run.company.clone());
    let remembered = run.keys.keys(&KeyPlace { app, company, account: sid.clone() }, now);
    company_account(&run.application, &run.company, sid, remembered, run.simulator_url.as_ref())
}

/// A section's own account, if it has this sid.
fn named_in(parameters: &Whatsapp, sid: &AccountSid, simulator: Option<&Url>) -> Option<Account> {
    let named = parameters.account_id.as_ref() == Some(sid);
    named.then(|| own_account(parameters, api_base_url(parameters, simulator)?)).flatten()
}

/// Says what was given where an account SID belongs, without showing it: it may be a key that was put there.
pub(super) fn no_account(given: &str) -> String {
    let is_hex = |text: &str| text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sid = given.get(2..).filter(|digits| is_hex(digits)).and(given.get(..2));
    let digits = given.trim_start_matches("whatsapp:").trim_start_matches('+');
    let is_number =
        digits.len() >= 6 && digits.bytes().all(|byte| byte.is_ascii_digit() || b" .-()".contains(&byte));
    let what = match sid {
        Some("SK") => {
            "is an API key (SK…): with settings of its own a call gives the account and its auth token, for Twilio \
             signs callbacks with that; an API key for sending belongs in the parameters (api_key_id, api_key_secret)"
        }
        Some("MG") => {
            "is a messaging service (MG…): it belongs in the parameters (messaging_service_id), or leave the settings out"
        }
        Some("HX") => "is a template (HX…): it belongs in contentSid",
        Some("SM" | "MM") => "is a message's SID",
        _ if is_number => "is a phone number: the order is accountId, secretKey, fromPhoneNr, toPhoneNumber",
        _ if is_hex(given) => "looks like an auth token: the order is accountId, secretKey",
        _ if given.starts_with("AC") => "begins like an account SID and goes on otherwise",
        _ => "is something else",
    };
    let length = given.chars().count();
    format!(
        "accountId must be an account SID, AC and 32 hexadecimal digits; what was given ({length} characters) {what}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_given_for_an_account_is_named_and_never_shown() {
        let hex = "0123456789abcdef0123456789abcdef";
        for (given, named) in [
            (format!("SK{hex}"), "an API key (SK…)"),
            (format!("MG{hex}"), "a messaging service"),
            (format!("HX{hex}"), "a template"),
            (format!("SM{hex}"), "a message's SID"),
            (hex.to_owned(), "an auth token"),
            ("+39 333 1234567".to_owned(), "a phone number"),
            ("whatsapp:+14155238886".to_owned(), "a phone number"),
            (format!("AC{hex}0"), "(35 characters) begins like"),
            ("pässword".to_owned(), "(8 characters) is something else"),
            (String::new(), "something else"),
        ] {
            let said = no_account(&given);
            assert!(said.contains(named), "{given}: {said}");
            assert!(given.is_empty() || !said.contains(&given), "{said}");
            assert!(!said.contains(hex) && !said.contains("1234567"), "{said}");
        }
    }
}
