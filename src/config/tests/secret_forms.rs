//! Where secrets may come from, and that they go nowhere else.

use super::*;

fn auth_key(folder: &Path, value: &str) -> Result<Vec<Secret>, String> {
    let text = format!(
        "[applications.demo.WHATSAPP]\nenvironment = 'simulator'\naccount_id = '{AC1}'\nauth_key = {value}\n"
    );
    let variables = |name: &str| match name {
        "TOKEN" => Some(Secret::new("from-variable")),
        "EMPTY" => Some(Secret::new("")),
        _ => None,
    };
    let loaded = parse(&folder.join("app-params.toml"), &text, &variables);
    let loaded =
        loaded.map_err(|problems| rendered(&problems).replace(&*folder.to_string_lossy(), "/folder"))?;
    Ok(demo(&loaded.params).whatsapp.auth_keys.clone())
}

#[test]
fn a_secret_is_literal_or_a_variables_or_a_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("token"), "from-file\r\n").unwrap();
    let read = |value| auth_key(folder.path(), value).unwrap();
    assert_eq!(read("'literal'"), [Secret::new("literal")]);
    assert_eq!(read("{ env = 'TOKEN' }"), [Secret::new("from-variable")]);
    assert_eq!(read("{ file = 'token' }"), [Secret::new("from-file")]);
    assert_eq!(
        read("[{ file = 'token' }, 'next', { env = 'TOKEN' }]"),
        [Secret::new("from-file"), Secret::new("next"), Secret::new("from-variable")],
        "the current one first"
    );
}

#[test]
fn a_secret_that_is_not_there_is_named_by_its_origin() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("empty"), "\n").unwrap();
    std::fs::write(folder.path().join("binary"), [0xff, 0xfe]).unwrap();
    std::fs::write(folder.path().join("large"), "x".repeat(100_000)).unwrap();
    let first_line = |value: &str| {
        let problems = auth_key(folder.path(), value).unwrap_err();
        problems.lines().next().unwrap().to_owned()
    };
    for (value, expected) in [
        ("{ env = 'GONE' }", "error[SECRET_UNAVAILABLE]: `env` names the variable GONE, which is not set"),
        ("{ env = 'EMPTY' }", "error[SECRET_UNAVAILABLE]: `env` names the variable EMPTY, which is empty"),
        ("{ env = '' }", "error[INVALID_VALUE]: `env` must be the name of an environment variable"),
        (
            "{ file = 'gone' }",
            "error[SECRET_UNAVAILABLE]: `file` names the file /folder/gone, which can't be read: No such file or \
             directory (os error 2)",
        ),
        (
            "{ file = 'empty' }",
            "error[SECRET_UNAVAILABLE]: `file` names the file /folder/empty, which is empty",
        ),
        (
            "{ file = 'binary' }",
            "error[SECRET_UNAVAILABLE]: `file` names the file /folder/binary, which is not a text",
        ),
        (
            "{ file = 'large' }",
            "error[SECRET_UNAVAILABLE]: `file` names the file /folder/large, which is too large for a secret",
        ),
        ("''", "error[INVALID_VALUE]: `auth_key` is empty"),
        (
            "' x'",
            "error[INVALID_VALUE]: `auth_key` is not a key: it has blanks around it, or a line break inside",
        ),
        ("[]", "error[INVALID_VALUE]: `auth_key` must list 1 to 3 secrets"),
        ("['a', 'b', 'c', 'd']", "error[INVALID_VALUE]: `auth_key` must list 1 to 3 secrets"),
        ("[['a']]", "error[WRONG_TYPE]: `auth_key` must be a text or a table, not a list"),
        ("{}", "error[INVALID_VALUE]: `auth_key` must have exactly one of `env` and `file`"),
        (
            "{ env = 'TOKEN', file = 'token' }",
            "error[INVALID_VALUE]: `auth_key` must have exactly one of `env` and `file`",
        ),
    ] {
        assert_eq!(first_line(value), expected, "{value}");
    }
    let both = auth_key(folder.path(), "[{ env = 'GONE' }, { env = 'LOST' }]").unwrap_err();
    assert!(both.contains("GONE") && both.contains("LOST"), "{both}");
}

/// Every wrong way to write a secret that we could think of; none may come back in a message.
#[test]
fn no_problem_shows_a_secret() {
    for canary in ["c4n4ry", "c4n4ryc4n4ryc4n4ryc4n4ryc4n4ry00"] {
        for line in [
            "auth_key = 'CANARY '",
            "auth_key = CANARY",
            "auth_key = 'CANARY",
            "auth_key = \"CANARY\\q\"",
            "auth_key = \"\"\"CANARY\n CANARY",
            "auth_key: 'CANARY'",
            "auth_key 'CANARY'",
            "auth_key = 'x' CANARY",
            "auth_key = ['CANARY', ['CANARY'], { env = 'GONE' }]",
            "auth_key = { CANARY = 'CANARY' }",
            "auth_key = { value = 'CANARY' }",
            "auth_key = { env = ['CANARY'] }",
            "auth_key = { env = 'x CANARY' }",
            "auth_key = { env = 'GONE', CANARY = 1 }",
            "auth_key.CANARY = 1",
            "auth_key = [\n 'CANARY',\n CANARY\n]",
            "auth_key = 'a'\nauth_key = 'CANARY'",
            "auth_token = 'CANARY'",
            "api_key_secret = ['CANARY']",
            "api_key_secret = 'CANARY'",
            "api_key_id = 'CANARY'",
            "account_id = 'CANARY'",
            "messaging_service_id = 'CANARY'",
            "from_phone_number = 'CANARY'",
            "default_country_prefix = 'CANARY'",
            "environment = 'CANARY'",
            "whatsapp_callback = 'CANARY CANARY'",
            "api_base_url = 'https://user:CANARY@example.com?CANARY'",
        ] {
            let text = format!("[applications.demo.WHATSAPP]\n{}\n", line.replace("CANARY", canary));
            let problems = read(&text).expect_err(line);
            let all = format!("{} {problems:?}", rendered(&problems));
            assert!(!all.contains("c4n4ry"), "{line}: {all}");
        }
    }
    for line in [
        "auth_key = { env = 'CANARY' }",
        "auth_key = { file = 'CANARY' }",
        "CANARY = 'auth_key'",
        "CANARY.CANARY = 1",
    ] {
        let line = line.replace("CANARY", "c4n4ryc4n4ryc4n4ryc4n4ryc4n4ry00");
        let all = problems(&format!("[applications.demo.WHATSAPP]\n{line}\n"));
        assert!(!all.contains("c4n4ry"), "{line}: {all}");
    }
}

#[test]
fn what_was_read_prints_without_its_secrets() {
    let text = with_companies(&format!(
        "[applications.demo.companies.ACME.WHATSAPP]\naccount_id = '{AC2}'\nauth_key = 'acme-token'\n"
    ));
    let printed = format!("{:?}", read(&text).unwrap());
    for secret in ["app-token", "app-api", "acme-token"] {
        assert!(text.contains(secret) && !printed.contains(secret), "{secret}: {printed}");
    }
}
