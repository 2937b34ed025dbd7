//! What the simulator knows of the applications that use it: their accounts with keys, senders, messaging services and
//! templates, and where the messages go that come in.

use std::sync::Arc;

use crate::base::CompanyId;
use crate::config::{Application, Environment, Templates, Whatsapp};
use crate::simulator::{
    Address, ApiKey, MessagingService, SimulatedAccount, SimulatedSender, SimulatedTemplate,
};

/// Whether an application's Twilio is the simulator.
pub(super) fn uses_simulator(application: &Application) -> bool {
    application.whatsapp.environment == Environment::Simulator && application.whatsapp.api_base_url.is_none()
}

/// The accounts of the applications that use the simulator; `public_url` is the host's, as Twilio sees it. What comes in
/// for a sender goes to the first section that has it, of the first application by name: to the application itself, then
/// to its companies.
pub fn simulated_accounts<'a>(
    applications: impl Iterator<Item = &'a Arc<Application>>,
    public_url: &str,
) -> Vec<SimulatedAccount> {
    let mut accounts: Vec<SimulatedAccount> = Vec::new();
    for application in applications.filter(|application| uses_simulator(application)) {
        let own = (CompanyId::none(), &application.whatsapp, &application.templates);
        let companies = application.companies.iter();
        let companies = companies.map(|(id, company)| (id.clone(), &company.whatsapp, &company.templates));
        for (company, whatsapp, templates) in std::iter::once(own).chain(companies) {
            let incoming_url = format!("{public_url}/whatsapp/message/{}/{company}", application.id);
            let Some(mut account) = account(whatsapp, templates, &incoming_url) else { continue };
            let is_new = |sender: &SimulatedSender| {
                let same = accounts.iter().filter(|known| known.sid == account.sid);
                !same.flat_map(|known| &known.senders).any(|known| known.number == sender.number)
            };
            let senders = std::mem::take(&mut account.senders);
            account.senders = senders.into_iter().filter(is_new).collect();
            accounts.push(account);
        }
    }
    accounts
}

/// The account of one section, if it names one.
fn account(whatsapp: &Whatsapp, templates: &Templates, incoming_url: &str) -> Option<SimulatedAccount> {
    let number = whatsapp.from_phone_number.as_ref().map(Address::from);
    let api_key = whatsapp.api_key.as_ref();
    let service = whatsapp.messaging_service_id.as_ref();
    let templates = templates.values().map(|template| SimulatedTemplate {
        sid: template.content_sid.clone(),
        text: template.text.clone(),
        approved: true,
    });
    Some(SimulatedAccount {
        sid: whatsapp.account_id.clone()?,
        auth_tokens: whatsapp.auth_keys.clone(),
        api_keys: api_key
            .map(|key| ApiKey { sid: key.id.clone(), secret: key.secret.clone() })
            .into_iter()
            .collect(),
        senders: number
            .iter()
            .map(|number| SimulatedSender {
                number: number.clone(),
                incoming_url: Some(incoming_url.to_owned()),
            })
            .collect(),
        messaging_services: service
            .map(|sid| MessagingService { sid: sid.clone(), senders: number.into_iter().collect() })
            .into_iter()
            .collect(),
        templates: templates.collect(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::config;

    /// As it would be registered by call, of the accounts in order.
    fn of(params: &str) -> Value {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("app-params.toml");
        std::fs::write(&file, params).unwrap();
        let params = config::load(&file).unwrap().params;
        let accounts = simulated_accounts(params.applications.values(), "https://boat.example/base");
        let shown = |account: &SimulatedAccount| {
            json!({
                "sid": account.sid, "senders": account.senders, "services": account.messaging_services,
                "templates": account.templates, "keys": account.api_keys.len(),
            })
        };
        accounts.iter().map(shown).collect()
    }

    #[test]
    fn what_the_parameters_name_is_registered() {
        let accounts = of(r#"
            [applications.demo.WHATSAPP]
            environment = "simulator"
            account_id = "AC00000000000000000000000000000001"
            auth_key = "simulator-auth-token"
            api_key_id = "SK00000000000000000000000000000001"
            api_key_secret = "secret"
            from_phone_number = "+14155238886"
            messaging_service_id = "MG00000000000000000000000000000001"
            [applications.demo.templates.hello]
            content_sid = "HX00000000000000000000000000000001"
            text = "Ciao {{1}}"
            [applications.demo.companies.ACME.WHATSAPP]
            from_phone_number = "+14155238887"
            [applications.demo.companies.SAME.WHATSAPP]
            default_country_prefix = "+41"
            [applications.other.WHATSAPP]
            environment = "sandbox"
            account_id = "AC00000000000000000000000000000002"
            auth_key = "another-token"
        "#);
        let base = "https://boat.example/base/whatsapp/message/demo";
        let senders = |index: usize| accounts[index]["senders"].clone();
        let number = |number: &str, company: &str| json!([{ "number": format!("whatsapp:{number}"), "incoming_url": format!("{base}/{company}") }]);
        assert_eq!(senders(0), number("+14155238886", "NODEFINED"));
        assert_eq!(senders(1), number("+14155238887", "ACME"));
        assert_eq!(senders(2), json!([]), "the number is the application's already");
        assert_eq!(accounts[3], Value::Null, "who does not use the simulator is not known");
        let service =
            |number: &str| json!([{ "sid": "MG00000000000000000000000000000001", "senders": [number] }]);
        assert_eq!(accounts[0]["services"], service("whatsapp:+14155238886"));
        assert_eq!(
            accounts[0]["templates"],
            json!([{ "sid": "HX00000000000000000000000000000001", "text": "Ciao {{1}}", "approved": true }])
        );
        assert_eq!(accounts[0]["keys"], 1);
    }
}
