//! With whose key Twilio is asked, and where.

use url::Url;

use crate::base::{AccountSid, CompanyId};
use crate::config::{Application, Environment, Whatsapp};
use crate::whatsapp::Account;

/// Twilio, where nothing else is configured.
const TWILIO: &str = "https://api.twilio.com";

/// The parameters' own account: its API key if there is one, else its auth token. `None`: they name none.
pub(super) fn own_account(parameters: &Whatsapp, api_base_url: Url) -> Option<Account> {
    let (Some(sid), Some(auth_key)) = (&parameters.account_id, parameters.auth_keys.first()) else {
        return None;
    };
    let (username, password) = match &parameters.api_key {
        Some(key) => (key.id.clone(), key.secret.clone()),
        None => (sid.to_string(), auth_key.clone()),
    };
    Some(Account { sid: sid.clone(), username, password, api_base_url })
}

/// Where the API is; `None`: the simulator is meant, and it is not running.
pub(super) fn api_base_url(parameters: &Whatsapp, simulator: Option<&Url>) -> Option<Url> {
    match (&parameters.api_base_url, parameters.environment) {
        (Some(url), _) => Some(url.clone()),
        (None, Environment::Simulator) => simulator.cloned(),
        (None, Environment::Sandbox | Environment::Production) => Url::parse(TWILIO).ok(),
    }
}

/// The account of this sid, if an application's parameters name it: the company's section first, then the
/// application's, then any other company's. `None` for one that an action brought along with its key.
#[must_use]
pub fn account_of(
    application: &Application,
    company: &CompanyId,
    sid: &AccountSid,
    simulator: Option<&Url>,
) -> Option<Account> {
    [application.whatsapp_of(company), &application.whatsapp]
        .into_iter()
        .chain(application.companies.values().map(|company| &company.whatsapp))
        .filter(|parameters| parameters.account_id.as_ref() == Some(sid))
        .find_map(|parameters| own_account(parameters, api_base_url(parameters, simulator)?))
}
