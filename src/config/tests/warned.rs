//! Warnings: there when they should be, and never an error.

use super::*;

fn warnings(text: &str) -> String {
    rendered(&read(text).unwrap().warnings)
}

#[test]
fn a_file_without_applications_is_worth_a_word() {
    insta::assert_snapshot!(warnings("[host]\n"), @r"
    warning[NO_APPLICATIONS]: there is no application, so nothing will run
      --> app-params.toml
    help: add a section `[applications.NAME.WHATSAPP]`; the shipped app-params.toml explains it
    ");
}

#[test]
fn twilio_must_be_able_to_call_back() {
    let application = "[applications.demo.WHATSAPP]\nenvironment = 'sandbox'\n";
    insta::assert_snapshot!(warnings(application), @r"
    warning[PUBLIC_URL_UNREACHABLE]: `public_url` is missing, so Twilio can't send notifications to this host
      --> app-params.toml:2:15
    help: under `[host]`, write the https URL at which the internet reaches this host, a tunnel's for a trial
    ");
    insta::assert_snapshot!(warnings(&format!("[host]\npublic_url = 'http://127.0.0.1:8080'\n{application}")), @r"
    warning[PUBLIC_URL_UNREACHABLE]: `public_url` is an address of this computer or network, which Twilio can't reach
      --> app-params.toml:2:14
    help: under `[host]`, write the https URL at which the internet reaches this host, a tunnel's for a trial
    ");
    insta::assert_snapshot!(warnings(&format!("[host]\npublic_url = 'http://example.com'\n{application}")), @r"
    warning[PUBLIC_URL_UNREACHABLE]: `public_url` is not https, so phone numbers would cross the internet in the clear
      --> app-params.toml:2:14
    help: under `[host]`, write the https URL at which the internet reaches this host, a tunnel's for a trial
    ");
    assert_eq!(warnings(&format!("[host]\npublic_url = 'https://example.com'\n{application}")), "");
    assert_eq!(warnings("[applications.demo.WHATSAPP]\nenvironment = 'simulator'\n"), "");
}

#[test]
fn a_secret_that_cannot_be_right_is_worth_a_word() {
    let digits = "0123456789abcdef0123456789abcdef";
    let told = |environment: &str, lines: &str| {
        let section =
            format!("[applications.demo.WHATSAPP]\nenvironment = '{environment}'\naccount_id = '{AC1}'\n");
        warnings(&format!("host.public_url = 'https://example.com'\n{section}{lines}\n"))
    };
    let key = format!("api_key_id = 'SK{digits}'\napi_key_secret");
    for (lines, at, what) in [
        (format!("auth_key = 'AC{digits}'"), "5:12", "`auth_key` holds a SID"),
        (format!("auth_key = ['{digits}', 'SK{digits}']"), "5:12", "`auth_key` holds a SID"),
        ("auth_key = 'your_auth_token'".to_owned(), "5:12", "`auth_key` holds a placeholder"),
        ("auth_key = 'xxxxxxxx'".to_owned(), "5:12", "`auth_key` holds a placeholder"),
        ("auth_key = '<token>'".to_owned(), "5:12", "`auth_key` holds a placeholder"),
        (format!("auth_key = '{digits}'\n{key} = 'SK{digits}'"), "7:18", "`api_key_secret` holds a SID"),
        (
            format!("auth_key = '{digits}'\n{key} = 'your_secret'"),
            "7:18",
            "`api_key_secret` holds a placeholder",
        ),
        (
            format!("auth_key = '{digits}'\n{key} = '{digits}'"),
            "5:12",
            "`auth_key` holds the secret of the API key",
        ),
    ] {
        let said = told("production", &lines);
        let wanted = format!("warning[SECRET_DOUBTFUL]: {what}");
        assert!(said.starts_with(&wanted) && said.contains(&format!(":{at}\n")), "{lines}: {said}");
        assert!(!said.contains(digits), "no value is shown: {said}");
        assert_eq!(told("simulator", &lines), "", "the simulator takes any key: {lines}");
    }
    let company = format!(
        "auth_key = '{digits}'\n[applications.demo.companies.A.WHATSAPP]\naccount_id = '{AC2}'\nauth_key = 'changeme'"
    );
    let said = told("sandbox", &company);
    assert!(said.contains(":8:12\n") && said.matches("SECRET_DOUBTFUL").count() == 1, "{said}");
    assert_eq!(told("production", &format!("auth_key = '{digits}'")), "");
    assert_eq!(told("production", "auth_key = 'any other key'"), "");
}

#[cfg(unix)]
#[test]
fn a_secret_in_a_file_that_others_can_read_is_worth_a_word() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("app-params.toml");
    let warnings = |text: &str, mode: u32| {
        std::fs::write(&file, text).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).unwrap();
        rendered(&load(&file).unwrap().warnings).replace(&*folder.path().to_string_lossy(), "/folder")
    };
    let sandbox =
        "host.public_url = 'https://example.com'\n[applications.demo.WHATSAPP]\nenvironment = 'sandbox'\n";
    let literal = format!("{sandbox}account_id = '{AC1}'\nauth_key = [{{ env = 'PATH' }}, 'literal']\n");
    insta::assert_snapshot!(warnings(&literal, 0o644), @r#"
    warning[SECRET_EXPOSED]: `auth_key` is written out in a file that other users of this computer can read (mode 0644)
      --> /folder/app-params.toml:5:31
    help: make it the owner's alone (chmod 600 /folder/app-params.toml), or write `{ env = "NAME" }` or `{ file = "path" }`
    "#);
    assert_eq!(warnings(&literal, 0o600), "");
    assert_eq!(warnings(&literal.replace("sandbox", "simulator"), 0o644), "");
    let variable = format!("{sandbox}account_id = '{AC1}'\nauth_key = {{ env = 'PATH' }}\n");
    assert_eq!(warnings(&variable, 0o644), "");
    let of_a_company = format!(
        "{variable}[applications.demo.companies.A.WHATSAPP]\naccount_id = '{AC2}'\nauth_key = 'literal'\n"
    );
    std::fs::write(folder.path().join("token"), "from-file").unwrap();
    std::fs::write(folder.path().join("google.json"), "{}").unwrap();
    let files = format!(
        "{sandbox}account_id = '{AC1}'\nauth_key = {{ file = 'token' }}\n[applications.demo.GOOGLE_CLOUD_STORAGE]\n\
         credentials_file = 'google.json'\n"
    );
    let chmod = |mode: u32| {
        for name in ["token", "google.json"] {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(folder.path().join(name), mode).unwrap();
        }
    };
    chmod(0o644);
    insta::assert_snapshot!(warnings(&files, 0o644), @r"
    warning[SECRET_EXPOSED]: `file` names a file that other users of this computer can read: /folder/token has the mode 0644
      --> /folder/app-params.toml:5:21
    help: make it the owner's alone: chmod 600 /folder/token
    warning[SECRET_EXPOSED]: `credentials_file` names a file that other users of this computer can read: /folder/google.json has the mode 0644
      --> /folder/app-params.toml:7:20
    help: make it the owner's alone: chmod 600 /folder/google.json
    ");
    chmod(0o600);
    assert_eq!(warnings(&files, 0o644), "");
    assert!(
        warnings(&of_a_company, 0o640).contains("app-params.toml:8:12"),
        "{}",
        warnings(&of_a_company, 0o640)
    );
}

#[test]
fn a_simulator_that_other_computers_reach_is_worth_a_word() {
    let simulated = "[applications.demo.WHATSAPP]\nenvironment = 'simulator'\n";
    for (listen, exposed) in
        [("0.0.0.0:0", true), ("[::]:0", true), ("127.0.0.1:0", false), ("[::1]:0", false)]
    {
        let text = format!("[simulator]\nlisten = '{listen}'\n{simulated}");
        let loaded = parse(Path::new("p.toml"), &text, &|_| None).unwrap();
        assert_eq!(rendered(&loaded.warnings).contains("SIMULATOR_EXPOSED"), exposed, "{listen}");
    }
}
