//! `[applications.<appId>]` and what is in it.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};
use toml::de::DeValue;
use url::Url;

use super::codes;
use super::params::{Application, Company, GoogleCloudStorage};
use super::reader::{Field, Section};
use super::{limits, names, secrets, templates, values, whatsapp};
use crate::base::{AppId, CompanyId, Exposure, InvalidId, nearest};

/// All applications, but those that can't even be named.
pub(super) fn read_all(applications: &Field<'_>) -> Vec<Application> {
    let all = applications.entries();
    // One without its WHATSAPP section may be one of these, misspelt.
    let whole: Vec<&str> = all.iter().filter(|one| one.has("WHATSAPP")).map(|one| one.key).collect();
    all.iter().filter_map(|one| read(one, &whole)).collect()
}

fn read(field: &Field<'_>, whole: &[&str]) -> Option<Application> {
    let id = named(field, AppId::parse);
    let section = field.section(&names::APPLICATION)?;
    let add = format!("add a section `[applications.{}.WHATSAPP]` with its `environment`", field.key);
    section.missing(
        "WHATSAPP",
        match nearest(field.key, whole.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? If not, {add}"),
            None => add,
        },
    );
    let own = section.section("WHATSAPP", &names::WHATSAPP);
    let whatsapp = own.as_ref().map_or_else(whatsapp::silent, whatsapp::of_application);
    // Without the section nothing is known: then no company is told that it lacks an account.
    let has_account = own.as_ref().is_none_or(|own| own.mentions("account_id"));
    let of_application = section.get("templates").map(|own| templates::read(&own)).unwrap_or_default();
    let companies = section.get("companies").map(|companies| companies.entries()).unwrap_or_default();
    let companies = companies.iter().filter_map(|company| {
        let id = named(company, CompanyId::parse);
        let section = company.section(&names::COMPANY)?;
        let its_whatsapp = section
            .section("WHATSAPP", &names::WHATSAPP)
            .map_or_else(|| whatsapp.clone(), |own| whatsapp::of_company(&whatsapp, has_account, &own));
        let own = section.get("templates").map(|own| templates::read(&own)).unwrap_or_default();
        let templates = templates::of_company((&whatsapp, &of_application), &its_whatsapp, own);
        let limits = section.section("limits", &names::COMPANY_LIMITS);
        let limits = limits.map_or_else(Default::default, |own| limits::of_company(&own));
        Some((id?, Company { whatsapp: its_whatsapp, templates, limits }))
    });
    let companies: BTreeMap<_, _> = companies.collect();
    let storage = section.section("GOOGLE_CLOUD_STORAGE", &names::GOOGLE_CLOUD_STORAGE);
    let parameters = section.get("parameters").map(|parameters| json_entries(&parameters));
    let time_zone = section.get("time_zone").and_then(|field| values::time_zone(&field));
    Some(Application {
        time_zone: time_zone.unwrap_or_default(),
        storage: storage.and_then(|section| storage_of(&section)),
        parameters: parameters.unwrap_or_default(),
        limits: section
            .section("limits", &names::LIMITS)
            .map_or_else(Default::default, |own| limits::of_application(&own)),
        id: id?,
        whatsapp,
        companies,
        templates: of_application,
    })
}

/// An id that is the name of a section.
fn named<T>(field: &Field<'_>, parse: impl Fn(&str) -> Result<T, InvalidId>) -> Option<T> {
    let id = parse(field.key);
    if let Err(error) = &id {
        let help = format!("rename the section: {}", error.shape);
        field.source.report(field.key_start, codes::INVALID_VALUE, error.to_string(), help);
    }
    id.ok()
}

fn storage_of(section: &Section<'_>) -> Option<GoogleCloudStorage> {
    section
        .missing("credentials_file", "name the service account's key file, or remove the section if unused");
    let credentials_file = section.get("credentials_file").and_then(|field| values::path(&field));
    if let (Some(field), Some(file)) = (section.get("credentials_file"), &credentials_file) {
        field.source.takes_from(file);
        // A file that is not there is an error when it is read.
        let exposure = std::fs::metadata(file).ok().and_then(|metadata| Exposure::beyond_host(&metadata));
        secrets::warn_if_exposed(&field, file, exposure);
    }
    let minutes = section
        .get("signed_url_minutes")
        .map_or(Some(60), |field| values::whole(&field, 1..=10_080, " (7 days, Google's most)"));
    let endpoint = section.get("endpoint").map_or_else(
        || Url::parse("https://storage.googleapis.com").ok(),
        |field| values::base_url(&field, "https://storage.googleapis.com"),
    );
    Some(GoogleCloudStorage {
        credentials_file: credentials_file?,
        signed_url_lifetime: Duration::from_secs(60 * u64::from(minutes?)),
        endpoint: endpoint?,
    })
}

/// The application's own parameters as JSON.
fn json_entries(table: &Field<'_>) -> Map<String, Value> {
    let entries = table.entries().into_iter();
    entries.filter_map(|entry| Some((entry.key.to_owned(), json(&entry)?))).collect()
}

/// A TOML value as JSON: dates and times become texts, everything else is what it is.
fn json(field: &Field<'_>) -> Option<Value> {
    Some(match field.value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(truth) => Value::from(*truth),
        DeValue::Datetime(moment) => Value::from(moment.to_string()),
        DeValue::Array(_) => Value::Array(field.elements()?.iter().filter_map(json).collect()),
        DeValue::Table(_) => Value::Object(json_entries(field)),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Value::from(number),
            Err(_) => return field.invalid("is too large a number", "write it in quotes, as a text"),
        },
        DeValue::Float(float) => {
            let number = float.as_str().parse().ok().and_then(serde_json::Number::from_f64);
            match number {
                Some(number) => Value::Number(number),
                None => return field.invalid("is no number that JSON has", "leave it out, or write a text"),
            }
        }
    })
}
