//! The table of templates.

use super::*;
use crate::base::AccountSid;

const HX1: &str = "HX00000000000000000000000000000001";
const HX2: &str = "HX00000000000000000000000000000002";
const HX3: &str = "HX00000000000000000000000000000003";

fn account(sid: &str) -> AccountSid {
    AccountSid::parse(sid).unwrap()
}

/// `name=…last digit of its ContentSid` of each.
fn table(application: &Application, company: &str, sid: &str) -> String {
    let company = CompanyId::parse(company).unwrap();
    application.templates_of(&company, &account(sid)).map_or_else(
        || "unknown".to_owned(),
        |templates| {
            let shown = templates
                .iter()
                .map(|(name, template)| format!("{name}={}", &template.content_sid.as_str()[33..]));
            shown.collect::<Vec<_>>().join(" ")
        },
    )
}

#[test]
fn a_company_lays_its_templates_over_its_applications_where_the_account_is_the_same() {
    let params = sound(&format!(
        "[applications.demo.WHATSAPP]
environment = 'simulator'
account_id = '{AC1}'
auth_key = 'x'
[applications.demo.templates]
hello = {{ content_sid = '{HX1}', text = 'Ciao {{{{1}}}}' }}
bye = {{ content_sid = '{HX2}', text = 'Addio {{{{1}}}}' }}
[applications.demo.companies.SAME.templates]
hello = {{ content_sid = '{HX3}', text = 'Hello {{{{1}}}}' }}
[applications.demo.companies.SAME_ACCOUNT.WHATSAPP]
account_id = '{AC1}'
auth_key = 'x'
[applications.demo.companies.OTHER.WHATSAPP]
account_id = '{AC2}'
auth_key = 'y'
[applications.demo.companies.OTHER.templates]
hello = {{ content_sid = '{HX3}', text = 'Hello {{{{1}}}}' }}
"
    ));
    let demo = demo(&params);
    for (company, sid, expected) in [
        ("NODEFINED", AC1, "bye=2 hello=1"),
        ("SAME", AC1, "bye=2 hello=3"),
        ("SAME_ACCOUNT", AC1, "bye=2 hello=1"),
        ("OTHER", AC2, "hello=3"),
        // With settings of the call's own, the account decides.
        ("OTHER", AC1, "bye=2 hello=1"),
        ("NODEFINED", AC2, "hello=3"),
        ("NODEFINED", "AC00000000000000000000000000000009", "unknown"),
        ("OTHER", "AC00000000000000000000000000000009", "unknown"),
    ] {
        assert_eq!(table(demo, company, sid), expected, "{company} {sid}");
    }
    let hello = &demo.templates["hello"];
    assert_eq!((hello.content_sid.as_str(), hello.text.to_string().as_str()), (HX1, "Ciao {{1}}"));
}

#[test]
fn an_application_without_an_account_means_those_of_its_calls() {
    let params = sound(&format!(
        "[applications.demo]
WHATSAPP.environment = 'simulator'
templates.hello = {{ content_sid = '{HX1}', text = 'Ciao {{{{1}}}}' }}
[applications.demo.companies.OTHER.WHATSAPP]
account_id = '{AC2}'
auth_key = 'y'
"
    ));
    assert_eq!(table(demo(&params), "NODEFINED", AC1), "hello=1");
    assert_eq!(table(demo(&params), "OTHER", AC2), "", "an account of its own");
}

#[test]
fn what_is_wrong_with_a_template_is_told() {
    let with = |lines: &str| {
        brief(&format!(
            "[applications.demo]\nWHATSAPP.environment = 'simulator'\n[applications.demo.templates]\n{lines}\n"
        ))
    };
    let sid = format!("content_sid = '{HX1}'");
    let long = "x".repeat(1025);
    let cases = [
        ("x = 1".to_owned(), "WRONG_TYPE 4:5 `x` must be a section, not a whole number"),
        (
            "x = {}".to_owned(),
            "MISSING_KEY 4:5 `content_sid` is missing in `[applications.demo.templates.x]`\n\
             MISSING_KEY 4:5 `text` is missing in `[applications.demo.templates.x]`",
        ),
        (
            format!("x = {{ {sid}, body = 'Ciao' }}"),
            "UNKNOWN_KEY 4:59 unknown key `body` in `[applications.demo.templates.x]`",
        ),
        (
            "x = { content_sid = 'HX1', text = 'Ciao' }".to_owned(),
            "INVALID_VALUE 4:21 `content_sid` has 3 characters instead of 34",
        ),
        (
            format!("x = {{ content_sid = '{AC1}', text = 'Ciao {{{{1' }}"),
            "INVALID_VALUE 4:21 `content_sid` holds the SID of an account, which belongs in `account_id`\n\
             INVALID_VALUE 4:66 `text` has a `{{` without its counterpart",
        ),
        (
            format!("x = {{ {sid}, text = '{{{{1}}}}{{{{2}}}} ciao' }}"),
            "INVALID_VALUE 4:66 `text` has the placeholders `{{1}}` and `{{2}}` with nothing between them",
        ),
        (
            format!("x = {{ {sid}, text = '{long}' }}"),
            "INVALID_VALUE 4:66 `text` is longer than 1024 characters, WhatsApp's most",
        ),
        (
            format!("'x y' = {{ {sid}, text = 'Ciao' }}"),
            "INVALID_VALUE 4:1 `x y` is not the name of a template",
        ),
        (
            format!("x = {{ {sid}, text = 'Ciao' }}\ny = {{ {sid}, text = ' Ciao ' }}"),
            "CONFLICTING_KEYS 5:1 `y` has the same text as `x`, so one is never used",
        ),
    ];
    let cases: Vec<_> = cases.iter().map(|(text, expected)| (text.as_str(), *expected)).collect();
    check(with, &cases);
    assert_eq!(
        brief("[applications.demo]\nWHATSAPP.environment = 'simulator'\ntemplate.x = 1"),
        ["UNKNOWN_KEY 3:1 unknown key `template` in `[applications.demo]`"]
    );
}
