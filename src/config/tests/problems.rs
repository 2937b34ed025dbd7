//! Wrong files and what is said about them.

use super::*;

fn whatsapp(lines: &str) -> Vec<String> {
    brief(&format!("[applications.demo.WHATSAPP]\nenvironment = 'simulator'\n{lines}\n"))
}

#[test]
fn ten_mistakes_are_reported_at_once_in_the_order_of_the_file() {
    let text = r#"[host]
listen = "8080"
pubic_url = "https://example.com"

[applications.demo.WHATSAPP]
environment = "strict"
account_sid = "AC00000000000000000000000000000001"
auth_key = { env = "TWILIO_AUTH_TOKEN" }
from_phone_number = "4155238886"
whatsapp_callback = 7

[applications.demo.companies."-ACME".WHATSAPP]
environment = "sandbox"

[applications.demo.limits]
cpu_ms = 0
"#;
    insta::assert_snapshot!(problems(text), @r#"
error[INVALID_VALUE]: `listen` must be an address to listen on, `ip:port` or `localhost:port`, such as `127.0.0.1:8080` (only this computer) or `0.0.0.0:8080` (every network)
  --> app-params.toml:2:10
help: write the IP address and the port of the listener
error[UNKNOWN_KEY]: unknown key `pubic_url` in `[host]`
  --> app-params.toml:3:1
help: did you mean `public_url`?
error[INVALID_VALUE]: `environment` must be "simulator", "sandbox" or "production"
  --> app-params.toml:6:15
help: choose one of these
error[UNKNOWN_KEY]: unknown key `account_sid` in `[applications.demo.WHATSAPP]`
  --> app-params.toml:7:1
help: did you mean `account_id`?
error[SECRET_UNAVAILABLE]: `env` names the variable TWILIO_AUTH_TOKEN, which is not set
  --> app-params.toml:8:20
help: set TWILIO_AUTH_TOKEN in the environment of the host
error[INVALID_VALUE]: `from_phone_number` is not a phone number in international form
  --> app-params.toml:9:21
help: write a plus, the country's code and the number, like "+14155238886"
error[WRONG_TYPE]: `whatsapp_callback` must be a text, not a whole number
  --> app-params.toml:10:21
help: write `whatsapp_callback = "…"`, with the quotes
error[INVALID_VALUE]: `-ACME` is not a company id: a letter or digit, then at most 63 letters, digits, `.`, `_` or `-`
  --> app-params.toml:12:30
help: rename the section: a letter or digit, then at most 63 letters, digits, `.`, `_` or `-`
error[MISPLACED_KEY]: `environment` belongs to the application, a company can't have its own
  --> app-params.toml:13:1
help: move `environment` to the application's WHATSAPP section
error[INVALID_VALUE]: `cpu_ms` must be a whole number from 1 to 60000 (milliseconds)
  --> app-params.toml:16:10
help: choose a number in this range
"#);
}

#[test]
fn sections_of_the_host() {
    check(
        brief,
        &[
            ("hosts = 1", "UNKNOWN_KEY 1:1 unknown key `hosts` at the top level"),
            ("host = 1", "WRONG_TYPE 1:8 `host` must be a section, not a whole number"),
            ("[[host]]", "WRONG_TYPE 1:1 `host` must be a section, not a list"),
            ("[host]\nlisten = 8080", "WRONG_TYPE 2:10 `listen` must be a text, not a whole number"),
            ("[host]\nport = 8080", "UNKNOWN_KEY 2:1 unknown key `port` in `[host]`"),
            ("[host]\ndata_dir = ''", "INVALID_VALUE 2:12 `data_dir` must be a path"),
            ("[host]\npublic_url = 'example.com'", "INVALID_VALUE 2:14 `public_url` must be a whole URL"),
            (
                "[host]\npublic_url = 'ftp://example.com'",
                "INVALID_VALUE 2:14 `public_url` must begin with http:// or https://",
            ),
            (
                "[host]\npublic_url = 'https://u:p@example.com'",
                "INVALID_VALUE 2:14 `public_url` must not hold a user name or a password",
            ),
            (
                "[host]\npublic_url = 'https://example.com/?'",
                "INVALID_VALUE 2:14 `public_url` must end with its path, without `?` and `#`",
            ),
            (
                "[host]\npublic_url = 'https://example.com/#x'",
                "INVALID_VALUE 2:14 `public_url` must end with its path, without `?` and `#`",
            ),
            (
                "[host]\npublic_url = 'https://my_host.example.com'",
                "INVALID_VALUE 2:14 `public_url` has an underscore in its host name, which Twilio refuses",
            ),
            (
                "[admin]\nlisten = 'on'",
                "INVALID_VALUE 2:10 `listen` must be an address to listen on, `ip:port` or `localhost:port`, such as `127.0.0.1:8080` (only this computer) or `0.0.0.0:8080` (every network)",
            ),
            (
                "[admin]\nlisten = '127.0.0.1:8080'",
                "CONFLICTING_KEYS 2:10 `listen` is the public listener's address, where anybody could read the metrics",
            ),
            (
                "[simulator]\nrules = 'Open'",
                "INVALID_VALUE 2:9 `rules` must be \"open\", \"sandbox\" or \"production\"",
            ),
            ("whatsapp = 1", "UNKNOWN_KEY 1:1 unknown key `whatsapp` at the top level"),
        ],
    );
}

#[test]
fn what_is_kept_and_how_long() {
    const WANTED: &str = "must be a whole number from 1 to 3650 (days, ten years at most)";
    let less = |place: &str, dead: u32, settled: u32| {
        format!(
            "CONFLICTING_KEYS {place} `dead_retention_days` ({dead}) is less than `retention_days` ({settled}), so what \
             failed would leave before what went well"
        )
    };
    let invalid = |key: &str, column: u32| format!("INVALID_VALUE 2:{column} `{key}` {WANTED}");
    let cases = [
        ("retention_days = 0", invalid("retention_days", 18)),
        ("retention_days = -1", invalid("retention_days", 18)),
        ("retention_days = 3651", invalid("retention_days", 18)),
        ("dead_retention_days = 99999999999999999999", invalid("dead_retention_days", 23)),
        ("retention_days = 91", less("2:1", 90, 91)),
        ("dead_retention_days = 29", less("2:1", 29, 30)),
        ("retention_days = 8\ndead_retention_days = 7", less("3:1", 7, 8)),
    ];
    for (text, expected) in cases {
        check(brief, &[(&format!("[host]\n{text}"), &expected)]);
    }
    check(
        brief,
        &[
            (
                "[host]\nretention_days = '30'",
                "WRONG_TYPE 2:18 `retention_days` must be a whole number from 1 to 3650 (days, ten years at most), not a text",
            ),
            ("retention_days = 30", "UNKNOWN_KEY 1:1 unknown key `retention_days` at the top level"),
        ],
    );
    // What was reported is not compared as well: two problems, not three.
    assert_eq!(brief("[host]\nretention_days = 4000\ndead_retention_days = 0").len(), 2);
    assert_eq!(
        sound("[host]\nretention_days = 90\ndead_retention_days = 90").host.retention.as_secs(),
        90 * 86_400
    );
}

#[test]
fn sections_of_an_application() {
    check(
        brief,
        &[
            ("applications = 1", "WRONG_TYPE 1:16 `applications` must be a section, not a whole number"),
            (
                "[applications.'1x'.WHATSAPP]\nenvironment = 'simulator'",
                "INVALID_VALUE 1:15 `1x` is not an application id: a letter, then at most 62 letters, digits, `_` or `-`",
            ),
            ("[applications.demo]", "MISSING_KEY 1:1 `WHATSAPP` is missing in `[applications.demo]`"),
            (
                "[applications.demo.WHATSAPP]",
                "MISSING_KEY 1:1 `environment` is missing in `[applications.demo.WHATSAPP]`",
            ),
            (
                "[applications.demo.whatsapp]\nenvironment = 'simulator'",
                "UNKNOWN_KEY 1:20 unknown key `whatsapp` in `[applications.demo]`",
            ),
            (
                "[applications.demo]\ncpu_ms = 1\nWHATSAPP.environment = 'simulator'",
                "UNKNOWN_KEY 2:1 unknown key `cpu_ms` in `[applications.demo]`",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\nlimits.cpu_ms = '500'",
                "WRONG_TYPE 3:17 `cpu_ms` must be a whole number from 1 to 60000 (milliseconds), not a text",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\nlimits.cpu_ms = 500.0",
                "WRONG_TYPE 3:17 `cpu_ms` must be a whole number from 1 to 60000 (milliseconds), not a decimal number",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\nlimits.cpu_ms = 60_001",
                "INVALID_VALUE 3:17 `cpu_ms` must be a whole number from 1 to 60000 (milliseconds)",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\nlimits.wall_ms = -1",
                "INVALID_VALUE 3:18 `wall_ms` must be a whole number from 10 to 600000 (milliseconds)",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\nlimits.cpu_ms = 60_000",
                "CONFLICTING_KEYS 3:8 `wall_ms` (30000) is less than `cpu_ms` (60000), so a run could never use its time",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\nlimits.wall_ms = 100",
                "CONFLICTING_KEYS 3:8 `wall_ms` (100) is less than `cpu_ms` (500), so a run could never use its time",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\nlimits.memory_mb = 7",
                "INVALID_VALUE 3:20 `memory_mb` must be a whole number from 8 to 1024 (megabytes)",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\nlimits.runs_per_context = 0",
                "INVALID_VALUE 3:27 `runs_per_context` must be a whole number from 1 to 1000000",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\nlimits.messages_per_minute = 0",
                "INVALID_VALUE 3:30 `messages_per_minute` must be a whole number from 1 to 100000000 (messages)",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\nlimits.workers = 33",
                "INVALID_VALUE 3:18 `workers` must be a whole number from 1 to 32",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\n\
             limits = { only_to = '+393331234567', allowed_country_prefixes = ['39', '+999'] }",
                "WRONG_TYPE 3:22 `only_to` must be a list, not a text\n\
             INVALID_VALUE 3:67 `allowed_country_prefixes` is not a country's calling code\n\
             INVALID_VALUE 3:73 `allowed_country_prefixes` is not a country's calling code",
            ),
            (
                "[applications.demo]\nWHATSAPP = { environment = 'simulator', keep_bodies = 'yes', media_check = 'x' }\n\
             companies.A.limits = { only_to = ['333 1234567'], workers = 3 }",
                "WRONG_TYPE 2:55 `keep_bodies` must be true or false, not a text\n\
             INVALID_VALUE 2:76 `media_check` must be \"off\", \"warn\" or \"strict\"\n\
             INVALID_VALUE 3:35 `only_to` lists what is not a phone number in international form\n\
             UNKNOWN_KEY 3:51 unknown key `workers` in `[applications.demo.companies.A.limits]`",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\nGOOGLE_CLOUD_STORAGE.endpoint = 'x'",
                "MISSING_KEY 3:1 `credentials_file` is missing in `[applications.demo.GOOGLE_CLOUD_STORAGE]`\n\
             INVALID_VALUE 3:33 `endpoint` must be a whole URL",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\n\
             GOOGLE_CLOUD_STORAGE = { credentials_file = 'k', signed_url_minutes = 10_081 }",
                "INVALID_VALUE 3:71 `signed_url_minutes` must be a whole number from 1 to 10080 (7 days, Google's most)",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\nparameters.a = [1, inf]",
                "INVALID_VALUE 3:20 `a` is no number that JSON has",
            ),
            (
                "[applications.demo]\nWHATSAPP.environment = 'simulator'\nparameters.a.b = 9223372036854775808",
                "INVALID_VALUE 3:18 `b` is too large a number",
            ),
        ],
    );
}

#[test]
fn keys_of_whatsapp() {
    check(
        whatsapp,
        &[
            (
                "account_id = 'AC1'\nauth_key = 'x'",
                "INVALID_VALUE 3:14 `account_id` has 3 characters instead of 34",
            ),
            (
                "account_id = 'SK00000000000000000000000000000001'\nauth_key = 'x'",
                "INVALID_VALUE 3:14 `account_id` holds the SID of an API key, which belongs in `api_key_id`, with `api_key_secret`",
            ),
            (
                "account_id = 'me@example.com'\nauth_key = 'x'",
                "INVALID_VALUE 3:14 `account_id` holds an email address",
            ),
            (
                "account_id = 'AC00000000000000000000000000000001'",
                "MISSING_KEY 3:1 `account_id` needs `auth_key`, which is missing in `[applications.demo.WHATSAPP]`",
            ),
            (
                "auth_key = 'x'",
                "MISSING_KEY 3:1 `auth_key` needs `account_id`, which is missing in `[applications.demo.WHATSAPP]`",
            ),
            (
                "auth_token = 'x'\naccount_sid = 'x'",
                "UNKNOWN_KEY 3:1 unknown key `auth_token` in `[applications.demo.WHATSAPP]`\n\
             UNKNOWN_KEY 4:1 unknown key `account_sid` in `[applications.demo.WHATSAPP]`",
            ),
            (
                "api_key_id = 'SK00000000000000000000000000000001'",
                "MISSING_KEY 3:1 `api_key_id` needs `account_id`, which is missing in `[applications.demo.WHATSAPP]`\n\
             MISSING_KEY 3:1 `api_key_id` needs `api_key_secret`, which is missing in `[applications.demo.WHATSAPP]`",
            ),
            (
                "api_key_secret = 'x'",
                "MISSING_KEY 3:1 `api_key_secret` needs `api_key_id`, which is missing in `[applications.demo.WHATSAPP]`",
            ),
            (
                "api_secret = 'x'\napi_key_sid = 'x'",
                "UNKNOWN_KEY 3:1 unknown key `api_secret` in `[applications.demo.WHATSAPP]`\n\
             UNKNOWN_KEY 4:1 unknown key `api_key_sid` in `[applications.demo.WHATSAPP]`",
            ),
            (
                "messaging_service_id = '+14155238886'",
                "INVALID_VALUE 3:24 `messaging_service_id` holds a phone number, which belongs in `from_phone_number`",
            ),
            (
                "from_phone_number = 'MG00000000000000000000000000000001'",
                "INVALID_VALUE 3:21 `from_phone_number` holds the SID of a messaging service",
            ),
            (
                "from_phone_number = '+999123'",
                "INVALID_VALUE 3:21 `from_phone_number` is not a phone number in international form",
            ),
            (
                "whatsapp_callback = 'onWhatsappStatus.js'",
                "INVALID_VALUE 3:21 `whatsapp_callback` names an action by its file",
            ),
            (
                "incoming_message = '../x'",
                "INVALID_VALUE 3:20 `incoming_message` is not the name of an action",
            ),
            (
                "default_country_prefix = '39'",
                "INVALID_VALUE 3:26 `default_country_prefix` is not a country's calling code",
            ),
            (
                "default_country_prefix = 39",
                "WRONG_TYPE 3:26 `default_country_prefix` must be a text, not a whole number",
            ),
            ("api_base_url = 'api.twilio.com'", "INVALID_VALUE 3:16 `api_base_url` must be a whole URL"),
        ],
    );
    let environment = problems("[applications.demo.WHATSAPP]\nenvironment = 'prod'");
    assert!(environment.ends_with("help: did you mean \"production\"?"), "{environment}");
}

#[test]
fn companies() {
    check(
        whatsapp,
        &[
            (
                "[applications.demo.companies.A]\nauth_key = 'x'",
                "UNKNOWN_KEY 4:1 unknown key `auth_key` in `[applications.demo.companies.A]`",
            ),
            (
                "[applications.demo.companies.A.WHATSAPP]\naccount_id = 'AC00000000000000000000000000000002'",
                "MISSING_KEY 4:1 `account_id` needs `auth_key`, which is missing in `[applications.demo.companies.A.WHATSAPP]`",
            ),
            (
                "[applications.demo.companies.A.WHATSAPP]\nauth_key = 'x'\napi_key_id = 'x'",
                "MISSING_KEY 4:1 `auth_key` needs `account_id`, which is missing in `[applications.demo.companies.A.WHATSAPP]`\n\
             MISSING_KEY 5:1 `api_key_id` needs `account_id`, which is missing in `[applications.demo.companies.A.WHATSAPP]`\n\
             MISSING_KEY 5:1 `api_key_id` needs `api_key_secret`, which is missing in `[applications.demo.companies.A.WHATSAPP]`\n\
             INVALID_VALUE 5:14 `api_key_id` is not the SID of an API key",
            ),
            (
                "[applications.demo.companies.A.WHATSAPP]\nenvironment = 'x'\nwhatsapp_callback = 1\nincoming_message = ''",
                "MISPLACED_KEY 4:1 `environment` belongs to the application, a company can't have its own\n\
             MISPLACED_KEY 5:1 `whatsapp_callback` belongs to the application, a company can't have its own\n\
             MISPLACED_KEY 6:1 `incoming_message` belongs to the application, a company can't have its own",
            ),
            (
                "[applications.demo.companies.'a/b'.WHATSAPP]\nfrom = 'x'",
                "INVALID_VALUE 3:30 `a/b` is not a company id: a letter or digit, then at most 63 letters, digits, `.`, `_` or `-`\n\
             UNKNOWN_KEY 4:1 unknown key `from` in `[applications.demo.companies.\"a/b\".WHATSAPP]`",
            ),
        ],
    );
}

#[test]
fn a_wrong_sid_is_told_by_its_kind_and_form() {
    let digits = "0123456789abcdef0123456789abcdef";
    for (key, value, what) in [
        ("account_id", format!("SK{digits}"), "holds the SID of an API key, which belongs in `api_key_id`"),
        ("account_id", format!("US{digits}"), "holds the SID of a user of Twilio's console"),
        ("account_id", format!("OR{digits}"), "holds the SID of an organization"),
        ("account_id", format!("ac{digits}"), "does not begin with `AC` in capitals"),
        ("account_id", format!("AC{}", &digits[1..]), "has 33 characters instead of 34"),
        ("account_id", format!("AC{}g", &digits[1..]), "has other characters than hexadecimal digits"),
        ("account_id", digits.to_owned(), "holds what looks like a secret, which belongs in `auth_key`"),
        ("account_id", format!("AC{}", "x".repeat(32)), "holds a placeholder"),
        ("account_id", "your_account_sid".to_owned(), "holds a placeholder"),
        ("account_id", "whatsapp:+14155238886".to_owned(), "holds a phone number"),
        (
            "api_key_id",
            digits.to_owned(),
            "holds what looks like a secret, which belongs in `api_key_secret`",
        ),
        ("api_key_id", format!("AC{digits}"), "holds the SID of an account, which belongs in `account_id`"),
        ("messaging_service_id", format!("HX{digits}"), "holds the SID of a template"),
        ("messaging_service_id", format!("PN{digits}"), "holds the SID of a phone number"),
    ] {
        let said = whatsapp(&format!("{key} = '{value}'")).join("\n");
        let wanted = format!("INVALID_VALUE 3:{} `{key}` {what}", key.len() + 4);
        assert!(said.contains(&wanted), "{said}\nwanted {wanted}");
        assert!(!said.contains(digits), "no value is shown: {said}");
    }
}

#[test]
fn remedies_lead_to_the_right_key() {
    let help = |lines: &str| {
        let text =
            format!("[applications.demo.WHATSAPP]\nenvironment = 'simulator'\n{lines}\nauth_key = 'x'\n");
        read(&text).unwrap_err().remove(0).help.unwrap()
    };
    assert_eq!(help("status_callback = 'x'\naccount_id = ''"), "did you mean `whatsapp_callback`?");
    let company = "account_id = 'AC00000000000000000000000000000001'";
    assert!(help(&format!("{company}\nTWILIO_PHONE_NUMBER = 'x'")).contains("`from_phone_number`"));
    let account =
        "an account SID looks like `AC` followed by 32 hexadecimal digits; copy it from Twilio's console";
    assert_eq!(help("account_id = 'SK00000000000000000000000000000001'"), account);
    assert_eq!(help("account_id = 'me@example.com'"), account);
}

#[test]
fn a_time_zone_is_one_of_the_database_or_gets_the_nearest() {
    let said = |value: &str| {
        problems(&format!(
            "[applications.demo]\ntime_zone = {value}\n[applications.demo.WHATSAPP]\nenvironment = 'simulator'\n"
        ))
    };
    insta::assert_snapshot!(said("'Europe/Roma'"), @r#"
error[INVALID_VALUE]: `time_zone` names no time zone of the IANA database: `Europe/Roma`
  --> app-params.toml:2:13
help: did you mean "Europe/Rome"?
"#);
    insta::assert_snapshot!(said("'+01:00'"), @r#"
error[INVALID_VALUE]: `time_zone` names no time zone of the IANA database: `+01:00`
  --> app-params.toml:2:13
help: write a name of the IANA database, a continent and a city: "Europe/Rome"
"#);
    insta::assert_snapshot!(said("1"), @r#"
error[WRONG_TYPE]: `time_zone` must be a text, not a whole number
  --> app-params.toml:2:13
help: write `time_zone = "…"`, with the quotes
"#);
}

/// Somebody who misspells an application's name in one of its headers has two applications then.
#[test]
fn an_application_without_its_section_may_be_another_one_misspelt() {
    let flora = "[applications.flora.WHATSAPP]\nenvironment = 'simulator'\n";
    let said =
        problems(&format!("{flora}[applications.flroa.companies.MARE.limits]\nmessages_per_day = 1\n"));
    assert_eq!(
        said,
        "error[MISSING_KEY]: `WHATSAPP` is missing in `[applications.flroa]`\n  --> app-params.toml:3:15\n\
         help: did you mean `flora`? If not, add a section `[applications.flroa.WHATSAPP]` with its `environment`"
    );
    let said = problems(&format!("{flora}[applications.shop.parameters]\n"));
    assert!(
        said.ends_with("help: add a section `[applications.shop.WHATSAPP]` with its `environment`"),
        "{said}"
    );
}

/// What has no section of its own is often an application's own parameter, below the header that stands there already.
#[test]
fn an_own_parameter_in_the_wrong_section_is_told_where_it_belongs() {
    let said = problems("[applications.flora.WHATSAPP]\nenvironment = 'simulator'\nshop_name = 'Flora'\n");
    assert!(said.contains("unknown key `shop_name` in `[applications.flora.WHATSAPP]`"), "{said}");
    assert!(
        said.ends_with("; the application's own parameters belong in `[applications.flora.parameters]`"),
        "{said}"
    );
    let said = problems("[host]\nshop_name = 'Flora'\n");
    assert!(!said.contains("own parameters"), "{said}");
}
