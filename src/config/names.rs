//! The names that a parameter file may use, and what to say about one that it may not.

use crate::base::nearest;

/// The keys of one kind of section.
#[derive(Debug)]
pub(super) struct Shape {
    /// How the section is called when a message sends the reader there.
    pub title: &'static str,
    /// Every key and sub-section it may have.
    pub keys: &'static [&'static str],
}

pub(super) static ROOT: Shape =
    Shape { title: "the top level", keys: &["host", "admin", "simulator", "applications"] };
pub(super) static HOST: Shape = Shape {
    title: "`[host]`",
    keys: &[
        "listen",
        "public_url",
        "data_dir",
        "retention_days",
        "dead_retention_days",
        "dangerous_local_media",
    ],
};
pub(super) static ADMIN: Shape = Shape { title: "`[admin]`", keys: &["listen"] };
pub(super) static SIMULATOR: Shape = Shape { title: "`[simulator]`", keys: &["listen", "rules"] };
pub(super) static APPLICATION: Shape = Shape {
    title: "`[applications.<appId>]`",
    keys: &[
        "time_zone",
        "WHATSAPP",
        "companies",
        "templates",
        "GOOGLE_CLOUD_STORAGE",
        "parameters",
        "limits",
    ],
};
pub(super) static COMPANY: Shape = Shape {
    title: "`[applications.<appId>.companies.<companyId>]`",
    keys: &["WHATSAPP", "templates", "limits"],
};
pub(super) static TEMPLATE: Shape =
    Shape { title: "`[applications.<appId>.templates.<name>]`", keys: &["content_sid", "text"] };
pub(super) static WHATSAPP: Shape = Shape {
    title: "`[applications.<appId>.WHATSAPP]`",
    keys: &[
        "environment",
        "account_id",
        "auth_key",
        "api_key_id",
        "api_key_secret",
        "from_phone_number",
        "messaging_service_id",
        "whatsapp_callback",
        "incoming_message",
        "default_country_prefix",
        "media_check",
        "keep_bodies",
        "api_base_url",
    ],
};
pub(super) static GOOGLE_CLOUD_STORAGE: Shape = Shape {
    title: "`[applications.<appId>.GOOGLE_CLOUD_STORAGE]`",
    keys: &["credentials_file", "signed_url_minutes", "endpoint"],
};
pub(super) static LIMITS: Shape = Shape {
    title: "`[applications.<appId>.limits]`",
    keys: &[
        "cpu_ms",
        "wall_ms",
        "memory_mb",
        "host_calls",
        "sends",
        "vo_kb",
        "result_kb",
        "log_lines",
        "sql_memory_mb",
        "database_mb",
        "cpu_percent",
        "runs_per_context",
        "workers",
        "send_wait_ms",
        "messages_per_minute",
        "messages_per_day",
        "company_messages_per_minute",
        "company_messages_per_day",
        "identical_messages_per_minute",
        "allowed_country_prefixes",
        "only_to",
    ],
};
pub(super) static COMPANY_LIMITS: Shape = Shape {
    title: "`[applications.<appId>.companies.<companyId>.limits]`",
    keys: &["messages_per_minute", "messages_per_day", "allowed_country_prefixes", "only_to"],
};

/// Where a company has the keys that it shares with its application.
static OF_COMPANIES: &[&Shape] = &[
    &COMPANY,
    &COMPANY_LIMITS,
    &Shape {
        title: "`[applications.<appId>.companies.<companyId>.WHATSAPP]`",
        keys: &[
            "account_id",
            "auth_key",
            "api_key_id",
            "api_key_secret",
            "from_phone_number",
            "messaging_service_id",
            "default_country_prefix",
            "api_base_url",
        ],
    },
    &Shape { title: "`[applications.<appId>.companies.<companyId>.templates.<name>]`", keys: TEMPLATE.keys },
];

static ALL: &[&Shape] = &[
    &ROOT,
    &HOST,
    &ADMIN,
    &SIMULATOR,
    &APPLICATION,
    &COMPANY,
    &WHATSAPP,
    &TEMPLATE,
    &GOOGLE_CLOUD_STORAGE,
    &LIMITS,
    &COMPANY_LIMITS,
];

/// Keys of a WHATSAPP section that are the application's alone: a callback's path names the company, but it is
/// the application that runs.
pub(super) static APPLICATION_ONLY: &[&str] =
    &["environment", "whatsapp_callback", "incoming_message", "media_check", "keep_bodies"];

/// What others call our keys: Twilio's libraries and documentation first.
static ALIASES: &[(&str, &str)] = &[
    ("account_sid", "account_id"),
    ("account", "account_id"),
    ("sid", "account_id"),
    ("auth_token", "auth_key"),
    ("token", "auth_key"),
    ("secret_key", "auth_key"),
    ("api_key", "api_key_id"),
    ("api_key_sid", "api_key_id"),
    ("api_secret", "api_key_secret"),
    ("from", "from_phone_number"),
    ("from_number", "from_phone_number"),
    ("from_phone_nr", "from_phone_number"),
    ("phone_number", "from_phone_number"),
    ("sender", "from_phone_number"),
    ("whatsapp_from", "from_phone_number"),
    ("whatsapp_number", "from_phone_number"),
    ("status_callback", "whatsapp_callback"),
    ("status_callback_url", "whatsapp_callback"),
    ("incoming", "incoming_message"),
    ("inbound_message", "incoming_message"),
    ("on_message", "incoming_message"),
    ("callback", "whatsapp_callback"),
    ("messaging_service_sid", "messaging_service_id"),
    ("content_id", "content_sid"),
    ("template_id", "content_sid"),
    ("template_sid", "content_sid"),
    ("body", "text"),
    ("base_url", "api_base_url"),
    ("port", "listen"),
    ("host", "listen"),
    ("bind", "listen"),
    ("timezone", "time_zone"),
    ("tz", "time_zone"),
    ("url", "public_url"),
];

/// What an unknown key was probably meant to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Suggestion {
    /// The key of the same section that was meant, so that it isn't reported as missing as well.
    pub meant: Option<&'static str>,
    /// What to say.
    pub help: String,
}

/// What to say about a key that `shape` does not have, in the section that `path` leads to.
pub(super) fn suggest(unknown: &str, shape: &Shape, path: &[String]) -> Suggestion {
    let alias = alias_of(unknown);
    let here = alias.filter(|key| shape.keys.contains(key)).or_else(|| exactly_but_for_case(unknown, shape));
    if let Some(key) = here {
        return did_you_mean(key);
    }
    let elsewhere = |key| elsewhere(key, path);
    if let Some((key, titles)) = elsewhere(unknown).or_else(|| alias.and_then(elsewhere)) {
        return Suggestion { meant: None, help: format!("`{key}` belongs in {titles}") };
    }
    nearest(unknown, shape.keys.iter().copied()).map_or_else(|| only_these(shape, path), did_you_mean)
}

fn alias_of(unknown: &str) -> Option<&'static str> {
    let folded = folded(unknown);
    ALIASES.iter().find(|(alias, _)| self::folded(alias) == folded).map(|(_, key)| *key)
}

fn exactly_but_for_case(unknown: &str, shape: &Shape) -> Option<&'static str> {
    let folded = folded(unknown);
    shape.keys.iter().copied().find(|key| self::folded(key) == folded)
}

/// A name without what other worlds write differently: case, `_` and `-`, and the `TWILIO_` before a variable's.
fn folded(name: &str) -> String {
    let name: String = name.chars().filter(|c| !matches!(c, '_' | '-')).collect();
    let name = name.to_ascii_lowercase();
    name.strip_prefix("twilio").unwrap_or(&name).to_owned()
}

/// The sections, in words, that have this very key, whatever its case: within a company those of companies, if they do.
fn elsewhere(key: &str, path: &[String]) -> Option<(&'static str, String)> {
    let homes = |shapes: &'static [&'static Shape]| {
        let mut homes = shapes.iter().filter_map(|shape| {
            let known = shape.keys.iter().find(|known| known.eq_ignore_ascii_case(key))?;
            Some((*known, titled(shape, path)))
        });
        let (known, first) = homes.next()?;
        Some((known, homes.fold(first, |titles, (_, title)| format!("{titles} or {title}"))))
    };
    let company = company_in(path).and_then(|_| homes(OF_COMPANIES));
    company.or_else(|| homes(ALL))
}

/// The application that a section belongs to.
fn application_in(path: &[String]) -> Option<&String> {
    path.first().filter(|first| *first == "applications").and_then(|_| path.get(1))
}

/// The company that a section belongs to.
fn company_in(path: &[String]) -> Option<&String> {
    application_in(path)?;
    path.get(2).filter(|third| *third == "companies").and_then(|_| path.get(3))
}

/// A section's title, with the names that it has where `path` leads to.
fn titled(shape: &Shape, path: &[String]) -> String {
    let ids = [("<appId>", application_in(path)), ("<companyId>", company_in(path))];
    ids.into_iter().fold(shape.title.to_owned(), |title, (id, name)| match name {
        Some(name) => title.replace(id, name),
        None => title,
    })
}

fn did_you_mean(key: &'static str) -> Suggestion {
    Suggestion { meant: Some(key), help: format!("did you mean `{key}`?") }
}

fn only_these(shape: &Shape, path: &[String]) -> Suggestion {
    let known: Vec<String> = shape.keys.iter().map(|key| format!("`{key}`")).collect();
    let own = application_in(path).map_or_else(String::new, |app| {
        format!("; the application's own parameters belong in `[applications.{app}.parameters]`")
    });
    let here = if path.is_empty() { shape.title.to_owned() } else { format!("`[{}]`", path.join(".")) };
    Suggestion { meant: None, help: format!("{here} has {}{own}", known.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn help(unknown: &str, shape: &Shape) -> String {
        help_at(unknown, shape, "")
    }

    fn help_at(unknown: &str, shape: &Shape, path: &str) -> String {
        let path: Vec<String> = path.split_terminator('.').map(str::to_owned).collect();
        suggest(unknown, shape, &path).help
    }

    #[test]
    fn every_alias_points_at_a_key_that_exists() {
        for (alias, key) in ALIASES {
            assert!(ALL.iter().any(|shape| shape.keys.contains(key)), "{alias} → {key}");
            assert!(!WHATSAPP.keys.contains(alias), "{alias} is a key itself");
        }
    }

    #[test]
    fn names_of_other_worlds_and_slips_point_at_ours() {
        assert_eq!(help("account_sid", &WHATSAPP), "did you mean `account_id`?");
        assert_eq!(help("ACCOUNT_SID", &WHATSAPP), "did you mean `account_id`?");
        assert_eq!(help("auth-token", &WHATSAPP), "did you mean `auth_key`?");
        for (name, key) in [
            ("TWILIO_ACCOUNT_SID", "account_id"),
            ("accountSid", "account_id"),
            ("accountId", "account_id"),
            ("TWILIO_AUTH_TOKEN", "auth_key"),
            ("authToken", "auth_key"),
            ("token", "auth_key"),
            ("secretKey", "auth_key"),
            ("TWILIO_API_KEY", "api_key_id"),
            ("TWILIO_API_SECRET", "api_key_secret"),
            ("TWILIO_PHONE_NUMBER", "from_phone_number"),
            ("fromPhoneNr", "from_phone_number"),
            ("sender", "from_phone_number"),
            ("statusCallback", "whatsapp_callback"),
            ("messagingServiceSid", "messaging_service_id"),
            ("on_message", "incoming_message"),
        ] {
            assert_eq!(help(name, &WHATSAPP), format!("did you mean `{key}`?"), "{name}");
        }
        assert_eq!(help("whatsap_calback", &WHATSAPP), "did you mean `whatsapp_callback`?");
        assert_eq!(help("whatsapp", &APPLICATION), "did you mean `WHATSAPP`?");
        assert_eq!(help("port", &HOST), "did you mean `listen`?");
        assert_eq!(help("host", &SIMULATOR), "did you mean `listen`?");
    }

    #[test]
    fn a_key_of_another_section_is_sent_there() {
        assert_eq!(help("cpu_ms", &APPLICATION), "`cpu_ms` belongs in `[applications.<appId>.limits]`");
        assert_eq!(
            help("auth_token", &APPLICATION),
            "`auth_key` belongs in `[applications.<appId>.WHATSAPP]`"
        );
        assert!(help("whatsapp", &ROOT).starts_with("`WHATSAPP` belongs in `[applications.<appId>]`"));
        assert_eq!(help("listen", &ROOT), "`listen` belongs in `[host]` or `[admin]` or `[simulator]`");
    }

    #[test]
    fn it_is_sent_to_the_section_of_this_application_and_this_company() {
        let app = "applications.flora";
        let company = "applications.flora.companies.MARE";
        for (unknown, shape, path, home) in [
            ("from_phone_number", &APPLICATION, app, "flora.WHATSAPP"),
            ("from_phone_number", &COMPANY, company, "flora.companies.MARE.WHATSAPP"),
            ("auth_token", &COMPANY, company, "flora.companies.MARE.WHATSAPP"),
            ("only_to", &COMPANY, company, "flora.companies.MARE.limits"),
            ("from_number", &COMPANY_LIMITS, company, "flora.companies.MARE.WHATSAPP"),
            ("content_sid", &COMPANY, company, "flora.companies.MARE.templates.<name>"),
            ("environment", &COMPANY, company, "flora.WHATSAPP"),
            ("cpu_ms", &COMPANY, company, "flora.limits"),
            ("templates", &WHATSAPP, "applications.flora.companies.MARE.WHATSAPP", "flora.companies.MARE"),
        ] {
            let help = help_at(unknown, shape, path);
            assert!(help.ends_with(&format!("` belongs in `[applications.{home}]`")), "{unknown}: {help}");
        }
    }

    /// A company can have every key of a WHATSAPP section that is not the application's alone.
    #[test]
    fn what_a_company_shares_is_what_the_application_has_not_alone() {
        let shared: Vec<_> = WHATSAPP.keys.iter().filter(|key| !APPLICATION_ONLY.contains(key)).collect();
        assert_eq!(OF_COMPANIES[2].keys.iter().collect::<Vec<_>>(), shared);
    }

    #[test]
    fn a_name_like_no_other_gets_the_list() {
        assert_eq!(help_at("zzz", &ADMIN, "admin"), "`[admin]` has `listen`");
        assert_eq!(help_at("zzz", &SIMULATOR, "simulator"), "`[simulator]` has `listen`, `rules`");
        let company = "applications.flora.companies.MARE";
        assert_eq!(
            help_at("shop_name", &COMPANY, company),
            "`[applications.flora.companies.MARE]` has `WHATSAPP`, `templates`, `limits`; the application's own parameters \
             belong in `[applications.flora.parameters]`"
        );
    }
}
