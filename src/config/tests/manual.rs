//! The shipped file is the manual, and a manual must not rot.

use super::*;
use crate::config::names;

const SHIPPED: &str = include_str!("../../../app-params.toml");

/// The shipped file with every optional key and section switched on, as its first lines explain.
fn everything_switched_on() -> String {
    let lines = SHIPPED.lines().map(|line| {
        let bare = line.strip_prefix("# ").unwrap_or(line);
        let key = bare.split_once(" = ").map_or("", |(key, _)| key);
        let is_key = !key.is_empty() && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        if is_key || bare.starts_with('[') { bare } else { line }
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_shipped_file_is_sound_and_gives_no_warning() {
    let loaded = load(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/app-params.toml"))).unwrap();
    assert_eq!(loaded.warnings, []);
    let demo = demo(&loaded.params);
    assert_eq!(demo.whatsapp.environment, Environment::Simulator);
    assert_eq!(demo.whatsapp.account_id.as_ref().unwrap().as_str(), AC1);
    assert_eq!(demo.whatsapp.auth_keys, [Secret::new("simulator-auth-token")]);
    assert_eq!(demo.whatsapp.from_phone_number.as_ref().unwrap().as_str(), "+14155238886");
    assert_eq!(demo.whatsapp.whatsapp_callback.as_ref().unwrap().as_str(), "onWhatsappStatus");
    assert_eq!(demo.whatsapp.incoming_message.as_ref().unwrap().as_str(), "onWhatsappMessage");
    assert_eq!(demo.parameters["shop_name"], "Bottega Aurora");
}

#[test]
fn what_the_shipped_file_switches_on_by_itself_is_the_default() {
    let shipped = sound(SHIPPED);
    let defaults = sound("");
    assert_eq!(shipped.host, defaults.host);
    assert_eq!(shipped.admin_listen, defaults.admin_listen);
    assert_eq!(shipped.simulator, defaults.simulator);
}

#[test]
fn the_shipped_file_is_sound_with_everything_switched_on() {
    let text = everything_switched_on();
    assert!(text.lines().count() > 100 && text.contains("\ncpu_ms = 500\n"), "{text}");
    let params = sound(&text);
    let demo = demo(&params);
    assert!(params.host.public_url.is_some());
    let examples = Limits {
        company_messages_per_minute: demo.limits.company_messages_per_minute,
        company_messages_per_day: demo.limits.company_messages_per_day,
        allowed_country_prefixes: demo.limits.allowed_country_prefixes.clone(),
        only_to: demo.limits.only_to.clone(),
        ..Limits::default()
    };
    assert_eq!(demo.limits, examples, "the limits that have a default are named with it");
    assert_eq!(demo.storage.as_ref().unwrap().signed_url_lifetime, Duration::from_hours(1));
    assert_eq!(demo.storage.as_ref().unwrap().endpoint.as_str(), "https://storage.googleapis.com/");
    assert_eq!(demo.time_zone.name(), "Europe/Rome");
    assert_eq!(company(&params, "ACME").account_id.unwrap().as_str(), AC2);
    assert_eq!(demo.whatsapp.default_country_prefix, crate::base::CountryPrefix::default());
}

#[test]
fn the_shipped_file_names_every_key() {
    let text = everything_switched_on();
    let document: toml::Table = text.parse().unwrap();
    let demo = &document["applications"]["demo"];
    let present = |shape: &names::Shape, table: &toml::Table| {
        for key in shape.keys {
            assert!(table.contains_key(*key), "{key} of {} is not in the manual", shape.title);
        }
    };
    present(&names::ROOT, &document);
    present(&names::HOST, document["host"].as_table().unwrap());
    present(&names::ADMIN, document["admin"].as_table().unwrap());
    present(&names::SIMULATOR, document["simulator"].as_table().unwrap());
    present(&names::APPLICATION, demo.as_table().unwrap());
    present(&names::WHATSAPP, demo["WHATSAPP"].as_table().unwrap());
    present(&names::GOOGLE_CLOUD_STORAGE, demo["GOOGLE_CLOUD_STORAGE"].as_table().unwrap());
    present(&names::LIMITS, demo["limits"].as_table().unwrap());
    let acme = demo["companies"]["ACME"].as_table().unwrap();
    present(&names::COMPANY, acme);
    present(&names::COMPANY_LIMITS, acme["limits"].as_table().unwrap());
    present(&names::TEMPLATE, demo["templates"]["order_shipped"].as_table().unwrap());
    present(&names::TEMPLATE, acme["templates"]["order_shipped"].as_table().unwrap());
}

#[test]
fn the_forms_of_a_secret_that_the_shipped_file_shows_are_understood() {
    let shown: Vec<&str> =
        SHIPPED.lines().filter_map(|line| line.strip_prefix("#   auth_key = ")?.split("  ").next()).collect();
    assert_eq!(shown.len(), 3, "{shown:?}");
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("secrets")).unwrap();
    std::fs::write(folder.path().join("secrets/auth_token"), "x\n").unwrap();
    for form in shown {
        let text = SHIPPED.replace("\nauth_key = \"simulator-auth-token\"", &format!("\nauth_key = {form}"));
        assert_ne!(text, SHIPPED);
        let loaded = parse(&folder.path().join("p.toml"), &text, &|_| Some(Secret::new("x")));
        assert_eq!(demo(&loaded.unwrap().params).whatsapp.auth_keys[0].expose(), "x", "{form}");
    }
}
