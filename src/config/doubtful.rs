//! Secrets that are there and can hardly be the ones that are wanted. What is said names the key, never its value.

use toml::de::DeTable;

use super::codes;
use super::params::{Environment, Params, Whatsapp};
use super::reader::{Source, find};
use super::secrets::looks_like_a_placeholder;
use crate::base::Diagnostic;

/// A warning for each section of an application outside the simulator whose secrets cannot be right.
pub(super) fn of<'a>(params: &Params, source: &'a Source<'a>, document: &'a DeTable<'a>) -> Vec<Diagnostic> {
    let mut warnings = Vec::new();
    let applications = params.applications.values();
    for application in applications.filter(|one| one.whatsapp.environment != Environment::Simulator) {
        let app = application.id.as_str();
        let own = (vec!["applications", app, "WHATSAPP"], &application.whatsapp);
        let companies = application.companies.iter().map(|(company, section)| {
            (vec!["applications", app, "companies", company.as_str(), "WHATSAPP"], &section.whatsapp)
        });
        for (path, whatsapp) in std::iter::once(own).chain(companies) {
            for (key, what, help) in doubts(whatsapp) {
                // A company's section has what it says itself; the rest is the application's, and told there.
                let path: Vec<_> = path.iter().copied().chain([key]).collect();
                if let Some(field) = find(source, document, &path) {
                    let warning = Diagnostic::warning(codes::SECRET_DOUBTFUL, format!("`{key}` {what}"));
                    warnings.push(warning.at(source.place(field.start())).help(help));
                }
            }
        }
    }
    warnings
}

const TOKEN: &str = "copy the account's Auth Token from Twilio's console: 32 hexadecimal digits";

/// What is wrong with a section's secrets: the key, a sentence about it, and the remedy.
fn doubts(whatsapp: &Whatsapp) -> Vec<(&'static str, &'static str, &'static str)> {
    let mut doubts = Vec::new();
    let tokens = || whatsapp.auth_keys.iter().map(crate::base::Secret::expose);
    let secret = whatsapp.api_key.as_ref().map(|key| key.secret.expose());
    if tokens().any(looks_like_a_sid) {
        doubts.push(("auth_key", "holds a SID, which names an account or a key and opens nothing", TOKEN));
    } else if tokens().any(looks_like_a_placeholder) {
        doubts.push(("auth_key", "holds a placeholder", TOKEN));
    } else if secret.is_some_and(|secret| tokens().any(|token| token == secret)) {
        let what =
            "holds the secret of the API key, with which Twilio signs nothing: callbacks will be refused";
        doubts.push(("auth_key", what, TOKEN));
    }
    let copy = "copy the API key's secret: Twilio shows it once, when the key is made";
    if secret.is_some_and(looks_like_a_sid) {
        doubts.push((
            "api_key_secret",
            "holds a SID, which names an account or a key and opens nothing",
            copy,
        ));
    } else if secret.is_some_and(looks_like_a_placeholder) {
        doubts.push(("api_key_secret", "holds a placeholder", copy));
    }
    doubts
}

/// Two capitals and 32 hexadecimal digits (<https://www.twilio.com/docs/glossary/what-is-a-sid>).
fn looks_like_a_sid(text: &str) -> bool {
    text.len() == 34
        && text.bytes().take(2).all(|b| b.is_ascii_uppercase())
        && text.bytes().skip(2).all(|b| b.is_ascii_hexdigit())
}
