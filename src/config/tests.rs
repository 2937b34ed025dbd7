//! The parameter file as its users meet it: text in, parameters or problems out.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::base::{AppId, CompanyId, CountryPrefix, Diagnostic, PhoneNumber, Secret};

mod manual;
mod positions;
mod problems;
mod secret_forms;
mod templates;
mod warned;

const AC1: &str = "AC00000000000000000000000000000001";
const AC2: &str = "AC00000000000000000000000000000002";

fn no_variables(_: &str) -> Option<Secret> {
    None
}

fn read(text: &str) -> Result<Loaded, Vec<Diagnostic>> {
    parse(Path::new("app-params.toml"), text, &no_variables)
}

fn sound(text: &str) -> Params {
    read(text).unwrap_or_else(|problems| panic!("{}", rendered(&problems))).params
}

fn rendered(diagnostics: &[Diagnostic]) -> String {
    diagnostics.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The problems of a text, as `check` shows them.
fn problems(text: &str) -> String {
    rendered(&read(text).expect_err("a text with problems"))
}

/// The first lines and places of a text's problems, one each: `CODE line:column message`.
fn brief(text: &str) -> Vec<String> {
    let problems = read(text).expect_err(text);
    let line = |problem: &Diagnostic| {
        let (line, column) = problem.place.as_ref().and_then(|place| place.position).unwrap_or_default();
        format!("{} {line}:{column} {}", problem.code, problem.message)
    };
    problems.iter().map(line).collect()
}

/// Compares the problems of many texts, and shows all that differ.
fn check(problems_of: impl Fn(&str) -> Vec<String>, cases: &[(&str, &str)]) {
    let found = cases.iter().map(|(text, expected)| (text, expected, problems_of(text).join("\n")));
    let different: Vec<String> = found
        .filter(|(_, expected, problems)| problems != *expected)
        .map(|(text, expected, problems)| format!("{text}\n-- gave --\n{problems}\n-- not --\n{expected}\n"))
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
}

fn demo(params: &Params) -> &Application {
    &params.applications[&AppId::parse("demo").unwrap()]
}

fn company(params: &Params, id: &str) -> Whatsapp {
    demo(params).whatsapp_of(&CompanyId::parse(id).unwrap()).clone()
}

#[test]
fn an_empty_file_has_every_default() {
    let params = sound("");
    assert_eq!(params.host.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(params.host.public_url, None);
    assert_eq!(params.host.data_dir, Path::new("data"));
    assert_eq!(params.host.retention, Duration::from_hours(30 * 24));
    assert_eq!(params.host.dead_retention, Duration::from_hours(90 * 24));
    assert_eq!(params.admin_listen, None);
    assert_eq!(params.simulator.listen.to_string(), "127.0.0.1:8081");
    assert_eq!(params.simulator.rules, Rules::Open);
    assert!(params.applications.is_empty());
}

#[test]
fn every_key_is_understood() {
    let text = format!(
        r#"
[host]
listen = "0.0.0.0:80"
public_url = "https://bots.example.com/a/b//"
data_dir = "var"
retention_days = 7
dead_retention_days = 3_650
[admin]
listen = "localhost:8082"
[simulator]
listen = "[::1]:0"
rules = "sandbox"
[applications.demo.WHATSAPP]
environment = "production"
account_id = "{AC1}"
auth_key = "token"
api_key_id = "SK00000000000000000000000000000001"
api_key_secret = "api"
from_phone_number = "whatsapp:+1 415 523 8886"
messaging_service_id = "MG00000000000000000000000000000001"
whatsapp_callback = "status/changed"
incoming_message = "incoming"
default_country_prefix = "+33"
api_base_url = "http://127.0.0.1:9000/"
[applications.demo.GOOGLE_CLOUD_STORAGE]
credentials_file = "/etc/key.json"
signed_url_minutes = 0b101
endpoint = "http://localhost:4443/x/"
[applications.demo.parameters]
text = "è"
[applications.demo.limits]
cpu_ms = 1
wall_ms = 10
memory_mb = 8
host_calls = 1
sends = 0
vo_kb = 256
result_kb = 2
log_lines = 1
sql_memory_mb = 8
database_mb = 1
cpu_percent = 6400
runs_per_context = 1
workers = 0x20
send_wait_ms = 0
messages_per_minute = 1_000
messages_per_day = 1
company_messages_per_minute = 2
company_messages_per_day = 3
identical_messages_per_minute = 1
allowed_country_prefixes = ["+39", "+1"]
only_to = ["+393331234567", "0041 78 123 45 67"]
[applications.demo.companies.ACME.limits]
messages_per_day = 4
only_to = []
"#
    );
    let params = parse(Path::new("/etc/boatswain/p.toml"), &text, &no_variables).unwrap().params;
    assert_eq!(params.file, Path::new("/etc/boatswain/p.toml"));
    assert_eq!(params.host.listen.to_string(), "0.0.0.0:80");
    assert_eq!(params.host.public_url.as_ref().unwrap().as_str(), "https://bots.example.com/a/b");
    assert_eq!(params.host.data_dir, Path::new("/etc/boatswain/var"));
    assert_eq!(params.host.retention, Duration::from_hours(7 * 24));
    assert_eq!(params.host.dead_retention, Duration::from_hours(3650 * 24));
    assert_eq!(params.admin_listen.unwrap().to_string(), "127.0.0.1:8082");
    assert_eq!(params.simulator.listen.to_string(), "[::1]:0");
    assert_eq!(params.simulator.rules, Rules::Sandbox);
    let demo = demo(&params);
    let whatsapp = &demo.whatsapp;
    assert_eq!(whatsapp.environment, Environment::Production);
    assert_eq!(whatsapp.account_id.as_ref().unwrap().as_str(), AC1);
    assert_eq!(whatsapp.auth_keys, [Secret::new("token")]);
    let api_key = whatsapp.api_key.as_ref().unwrap();
    assert_eq!((api_key.id.as_str(), api_key.secret.expose()), ("SK00000000000000000000000000000001", "api"));
    assert_eq!(whatsapp.from_phone_number.as_ref().unwrap().as_str(), "+14155238886");
    assert_eq!(whatsapp.messaging_service_id.as_deref(), Some("MG00000000000000000000000000000001"));
    assert_eq!(whatsapp.whatsapp_callback.as_ref().unwrap().as_str(), "status/changed");
    assert_eq!(whatsapp.incoming_message.as_ref().unwrap().as_str(), "incoming");
    assert_eq!(whatsapp.default_country_prefix.to_string(), "+33");
    assert_eq!(whatsapp.api_base_url.as_ref().unwrap().as_str(), "http://127.0.0.1:9000/");
    let storage = demo.storage.as_ref().unwrap();
    assert_eq!(storage.credentials_file, Path::new("/etc/key.json"));
    assert_eq!(storage.signed_url_lifetime, Duration::from_mins(5));
    assert_eq!(storage.endpoint.as_str(), "http://localhost:4443/x");
    let limits = Limits {
        cpu: Duration::from_millis(1),
        wall: Duration::from_millis(10),
        memory_mb: 8,
        host_calls: 1,
        sends: 0,
        vo_kb: 256,
        result_kb: 2,
        log_lines: 1,
        sql_memory_mb: 8,
        database_mb: 1,
        cpu_percent: 6400,
        runs_per_context: 1,
        workers: 32,
        send_wait: Duration::ZERO,
        messages_per_minute: 1000,
        messages_per_day: 1,
        company_messages_per_minute: Some(2),
        company_messages_per_day: Some(3),
        identical_messages_per_minute: 1,
        allowed_country_prefixes: ["+39", "+1"].map(|prefix| CountryPrefix::parse(prefix).unwrap()).to_vec(),
        only_to: Some(["+393331234567", "+41781234567"].map(|to| PhoneNumber::sender(to).unwrap()).to_vec()),
    };
    assert_eq!(demo.limits, limits);
    let company = CompanyLimits {
        messages_per_day: Some(4),
        only_to: Some(Vec::new()), // nobody, not everybody
        ..CompanyLimits::default()
    };
    assert_eq!(demo.companies[&CompanyId::parse("ACME").unwrap()].limits, company);
}

#[test]
fn the_base_of_public_urls_never_ends_with_a_slash() {
    let bound = "127.0.0.1:4711".parse().unwrap();
    let base = |text: &str| sound(text).host.public_base(bound);
    assert_eq!(base(""), "http://127.0.0.1:4711");
    assert_eq!(base("host.public_url = 'https://bots.example.com/'"), "https://bots.example.com");
    assert_eq!(base("host.public_url = 'https://bots.example.com/a/'"), "https://bots.example.com/a");
}

#[test]
fn an_application_may_send_with_settings_of_its_own_only() {
    let params = sound("[applications.demo.WHATSAPP]\nenvironment = 'simulator'");
    assert_eq!(demo(&params).whatsapp.account_id, None);
    assert!(demo(&params).whatsapp.auth_keys.is_empty());
    assert_eq!(demo(&params).limits, Limits::default());
}

#[test]
fn parameters_are_json_whatever_they_are() {
    let params = sound(
        "[applications.demo.WHATSAPP]\nenvironment = 'simulator'\n[applications.demo.parameters]\n\
         text = 'a'\nwhole = -3\nbig = 9007199254740993\nhex = 0xff\nfraction = 1.5\nyes = true\n\
         day = 2024-02-29\nmoment = 2024-02-29T12:00:00Z\nlist = [1, 'b', [2], { c = 3 }]\n\
         [applications.demo.parameters.table]\n'any key' = 1\n__proto__ = 2\n[[applications.demo.parameters.rows]]\na = 1\n",
    );
    let expected = json!({
        "text": "a", "whole": -3, "big": 9_007_199_254_740_993_i64, "hex": 255, "fraction": 1.5, "yes": true,
        "day": "2024-02-29", "moment": "2024-02-29T12:00:00Z", "list": [1, "b", [2], {"c": 3}],
        "table": {"any key": 1, "__proto__": 2}, "rows": [{"a": 1}],
    });
    assert_eq!(serde_json::Value::Object(demo(&params).parameters.clone()), expected);
}

fn with_companies(companies: &str) -> String {
    format!(
        r#"
[applications.demo.WHATSAPP]
environment = "sandbox"
account_id = "{AC1}"
auth_key = "app-token"
api_key_id = "SK00000000000000000000000000000001"
api_key_secret = "app-api"
from_phone_number = "+14155238886"
messaging_service_id = "MG00000000000000000000000000000001"
whatsapp_callback = "status"
default_country_prefix = "+33"
{companies}"#
    )
}

#[test]
fn a_company_has_what_its_application_has_unless_it_differs() {
    let params = sound(&with_companies(
        "[applications.demo.companies.ACME.WHATSAPP]\ndefault_country_prefix = '+44'\n\
         [applications.demo.companies.'a.b']\n",
    ));
    let application = demo(&params).whatsapp.clone();
    let acme = company(&params, "ACME");
    assert_eq!(acme.default_country_prefix.to_string(), "+44");
    let alike = Whatsapp { default_country_prefix: application.default_country_prefix, ..acme };
    assert_eq!(alike, application);
    assert_eq!(company(&params, "a.b"), application);
    assert_eq!(company(&params, "undeclared"), application);
}

#[test]
fn a_company_with_its_own_account_inherits_no_key() {
    let params = sound(&with_companies(&format!(
        "[applications.demo.companies.ACME.WHATSAPP]\naccount_id = '{AC2}'\nauth_key = ['mine', 'next']\n"
    )));
    let acme = company(&params, "ACME");
    assert_eq!(acme.account_id.unwrap().as_str(), AC2);
    assert_eq!(acme.auth_keys, [Secret::new("mine"), Secret::new("next")]);
    assert_eq!(acme.api_key, None);
    assert_eq!(acme.whatsapp_callback.unwrap().as_str(), "status");
}

#[test]
fn a_company_that_chooses_its_sender_drops_the_inherited_one() {
    let params = sound(&with_companies(
        "[applications.demo.companies.NUMBER.WHATSAPP]\nfrom_phone_number = '+393331234567'\n\
         [applications.demo.companies.SERVICE.WHATSAPP]\nmessaging_service_id = 'MG00000000000000000000000000000002'\n\
         [applications.demo.companies.BOTH.WHATSAPP]\nfrom_phone_number = '+393331234567'\n\
         messaging_service_id = 'MG00000000000000000000000000000002'\n",
    ));
    let sender = |id| {
        let whatsapp = company(&params, id);
        let number = whatsapp.from_phone_number.map(|number| number.to_string());
        (number, whatsapp.messaging_service_id)
    };
    let number = Some("+393331234567".to_owned());
    let service = Some("MG00000000000000000000000000000002".to_owned());
    assert_eq!(sender("NUMBER"), (number.clone(), None));
    assert_eq!(sender("SERVICE"), (None, service.clone()));
    assert_eq!(sender("BOTH"), (number, service));
}

#[test]
fn a_large_file_of_something_else_takes_no_time() {
    for text in ["{\"a\": [1, 2]}, ".repeat(60_000), "[a b]\nx y\n".repeat(90_000), "é".repeat(500_000)] {
        let problems = read(&text).unwrap_err();
        assert!((1..=200).contains(&problems.len()), "{}", problems.len());
    }
    let keys: Vec<String> = (0..60_000).map(|number| format!("key{number} = 1")).collect();
    assert_eq!(read(&keys.join("\n")).unwrap_err().len(), 200);
}

/// Lines that are nearly right, so that the property reaches further than the parser.
fn nearly_right() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        "\\[(host|applications|applications\\.demo|applications\\.[a-zè.]{1,9}\\.(WHATSAPP|limits|parameters))\\]",
        "(listen|auth_key|account_id|environment|cpu_ms|from_phone_number|public_url|data_dir|è) = \
         (\"[ -~è]{0,9}\"|[0-9.e+-]{1,9}|\\{ (env|file) = \"[a-z]{0,3}\" \\}|\\[.{0,9}\\]|true|http)",
        ".{0,20}",
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in ".{0,200}") {
        let _ = read(&text);
    }

    #[test]
    fn no_nearly_right_text_makes_the_reader_panic(text in nearly_right()) {
        if let Err(problems) = read(&text) {
            prop_assert!(!problems.is_empty());
            for problem in problems {
                prop_assert!(problem.place.is_some() && problem.help.is_some(), "{}", problem);
            }
        }
    }
}
