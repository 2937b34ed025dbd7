//! What an application may send in a test: everything, until the test says otherwise.
//!
//! Caps, countries and lists of recipients in app-params.toml are an administrator's, of one installation. A test of what
//! an action does does not depend on them; one of what it does at a cap sets the cap.

use serde::Deserialize;

use crate::base::{CompanyId, CountryPrefix, PhoneNumber};
use crate::config::{Application, Company, CompanyLimits, Limits};

/// What a test sets of `[applications.<appId>.limits]`, or of a company's; the names are those of the parameter file.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SendingLimits {
    sends: Option<u32>,
    messages_per_minute: Option<u32>,
    messages_per_day: Option<u32>,
    company_messages_per_minute: Option<u32>,
    company_messages_per_day: Option<u32>,
    identical_messages_per_minute: Option<u32>,
    allowed_country_prefixes: Option<Vec<String>>,
    only_to: Option<Vec<String>>,
}

/// Takes away what keeps messages from being sent.
pub(super) fn lift(application: &mut Application) {
    let limits = &mut application.limits;
    *limits = Limits {
        messages_per_minute: u32::MAX,
        messages_per_day: u32::MAX,
        company_messages_per_minute: None,
        company_messages_per_day: None,
        identical_messages_per_minute: u32::MAX,
        allowed_country_prefixes: Vec::new(),
        only_to: None,
        ..limits.clone()
    };
    for company in application.companies.values_mut() {
        company.limits = CompanyLimits::default();
    }
}

impl SendingLimits {
    /// Puts them over those of the application, or of one of its companies.
    ///
    /// # Errors
    /// What is no country and no number, as a sentence.
    pub(super) fn apply(
        self,
        application: &mut Application,
        company: Option<CompanyId>,
    ) -> Result<(), String> {
        let countries = self.allowed_country_prefixes.map(|texts| all(&texts, country)).transpose()?;
        let only_to = self.only_to.map(|texts| all(&texts, recipient)).transpose()?;
        let Some(company) = company else {
            let limits = &mut application.limits;
            set(&mut limits.sends, self.sends);
            set(&mut limits.messages_per_minute, self.messages_per_minute);
            set(&mut limits.messages_per_day, self.messages_per_day);
            set(&mut limits.company_messages_per_minute, self.company_messages_per_minute.map(Some));
            set(&mut limits.company_messages_per_day, self.company_messages_per_day.map(Some));
            set(&mut limits.identical_messages_per_minute, self.identical_messages_per_minute);
            set(&mut limits.allowed_country_prefixes, countries);
            set(&mut limits.only_to, only_to.map(Some));
            return Ok(());
        };
        // One without a section has what the application has.
        let Application { companies, whatsapp, templates, .. } = application;
        let section = companies.entry(company).or_insert_with(|| Company {
            whatsapp: whatsapp.clone(),
            templates: templates.clone(),
            limits: CompanyLimits::default(),
        });
        let limits = &mut section.limits;
        set(&mut limits.messages_per_minute, self.messages_per_minute.map(Some));
        set(&mut limits.messages_per_day, self.messages_per_day.map(Some));
        set(&mut limits.allowed_country_prefixes, countries);
        set(&mut limits.only_to, only_to.map(Some));
        Ok(())
    }
}

fn set<T>(limit: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *limit = given;
    }
}

fn all<T>(texts: &[String], read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    texts.iter().map(|text| read(text)).collect()
}

fn country(text: &str) -> Result<CountryPrefix, String> {
    CountryPrefix::parse(text)
        .map_err(|_| format!("limits: `{text}` is not a country's calling code, such as \"+39\""))
}

fn recipient(text: &str) -> Result<PhoneNumber, String> {
    PhoneNumber::writer(text).map_err(|_| {
        format!("limits: `{text}` is no phone number in international form, such as \"+393331234567\"")
    })
}
