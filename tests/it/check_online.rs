//! `boatswain check --online`: what Twilio and the public URL say, with the key in the parameters that it is about.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use base64::Engine;
use serde_json::Value;

use crate::host::Folder;

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const TOKEN: &str = "c4n4ryc4n4ryc4n4ryc4n4ryc4n4ry01";
const NEXT: &str = "c4n4ryc4n4ryc4n4ryc4n4ryc4n4ry02";
const KEY: &str = "SK0123456789abcdef0123456789abcdef";
const SECRET: &str = "c4n4ryc4n4ryc4n4ryc4n4ryc4n4ry03";
const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";

/// Who signs in, and with what.
type Key = (String, String);

/// Answers each path as told: the status line and the body; for a path that asks for a key, who may have it.
#[derive(Default, Clone)]
struct Routes(BTreeMap<String, (Option<Key>, String, String)>);

impl Routes {
    fn to(mut self, path: &str, status: &str, body: &str) -> Self {
        self.0.insert(path.to_owned(), (None, status.to_owned(), body.to_owned()));
        self
    }

    fn with_key(mut self, path: &str, key: (&str, &str), status: &str, body: &str) -> Self {
        let key = Some((key.0.to_owned(), key.1.to_owned()));
        self.0.insert(path.to_owned(), (key, status.to_owned(), body.to_owned()));
        self
    }

    fn answer(&self, path: &str, key: Option<&Key>) -> (String, String) {
        match self.0.get(path) {
            None => ("404 Not Found".to_owned(), r#"{"code":20404,"status":404}"#.to_owned()),
            Some((Some(wanted), ..)) if key != Some(wanted) => {
                ("401 Unauthorized".to_owned(), r#"{"code":20003,"status":401}"#.to_owned())
            }
            Some((_, status, body)) => (status.clone(), body.clone()),
        }
    }
}

struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn listen(routes: Routes) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<String>>>::default();
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream);
                let mut lines = Vec::new();
                loop {
                    let mut line = String::new();
                    if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
                        break;
                    }
                    lines.push(line.trim().to_owned());
                }
                let Some(target) = lines.first().and_then(|line| line.split(' ').nth(1)) else { continue };
                let key = lines.iter().find_map(|line| {
                    let (name, value) = line.split_once(": Basic ")?;
                    assert!(name.eq_ignore_ascii_case("authorization"));
                    let key = base64::engine::general_purpose::STANDARD.decode(value).ok()?;
                    let (user, password) = std::str::from_utf8(&key).ok()?.split_once(':')?;
                    Some((user.to_owned(), password.to_owned()))
                });
                log.lock().unwrap().push(lines[0].clone());
                let path = target.split('?').next().unwrap();
                let (status, body) = routes.answer(path, key.as_ref());
                let head =
                    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}", body.len());
                let _ = write!(reader.get_mut(), "{head}\r\n\r\n{body}");
            }
        });
        Self { url, asked }
    }
}

/// Twilio, with an account that has all that the parameters below name.
fn sound() -> Routes {
    let senders = r#"{"senders":[{"sid":"XE1","sender_id":"whatsapp:+14155550100","status":"ONLINE"}],"meta":{"next_page_url":null}}"#;
    Routes::default()
        .with_key(&account_path(), (ACCOUNT, TOKEN), "200 OK", r#"{"status":"active","type":"Full"}"#)
        .with_key(&messages_path(), (KEY, SECRET), "200 OK", r#"{"messages":[],"next_page_uri":null}"#)
        .with_key("/v2/Channels/Senders", (ACCOUNT, TOKEN), "200 OK", senders)
        .with_key(&format!("/v1/Services/{SERVICE}"), (ACCOUNT, TOKEN), "200 OK", r#"{"sid":"MG"}"#)
        .to("/base/healthz", "200 OK", "alive\n")
}

fn account_path() -> String {
    format!("/2010-04-01/Accounts/{ACCOUNT}.json")
}

fn messages_path() -> String {
    format!("/2010-04-01/Accounts/{ACCOUNT}/Messages.json")
}

fn folder(url: &str, public_url: &str, more: &str) -> Folder {
    let params = format!(
        "[host]\npublic_url = \"{public_url}\"\n\
         [applications.app.WHATSAPP]\n\
         environment = \"production\"\n\
         account_id = \"{ACCOUNT}\"\n\
         auth_key = \"{TOKEN}\"\n\
         api_key_id = \"{KEY}\"\n\
         api_key_secret = \"{SECRET}\"\n\
         from_phone_number = \"+14155550100\"\n\
         messaging_service_id = \"{SERVICE}\"\n\
         api_base_url = \"{url}\"\n{more}"
    );
    let folder = Folder::with_params("return 1", &params);
    let file = folder.path("app-params.toml");
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    folder
}

/// What `check --online` tells of `folder`: the lines that say that something is well, the problems as
/// `severity CODE line: message`, and the exit status. No key is in any of it.
fn told_of(folder: &Folder) -> (Vec<String>, Vec<String>, i32) {
    let plain = folder.boatswain(&["check", "--online"]);
    let said = String::from_utf8(plain.stderr).unwrap();
    let fine = said.lines().filter(|line| line.starts_with("ok: ")).map(str::to_owned).collect();
    let json = folder.boatswain(&["check", "--online", "--json"]);
    let problems = String::from_utf8(json.stdout).unwrap();
    for secret in [TOKEN, NEXT, SECRET] {
        assert!(!said.contains(secret) && !problems.contains(secret), "{said}\n{problems}");
    }
    assert_eq!(plain.status, json.status);
    let problems = problems.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let problems = problems.filter(|one| {
        // The stand-in is on this computer.
        let local = one["message"].as_str().unwrap().contains("an address of this computer");
        one["code"] != "CONFINEMENT_MISSING" && !local
    });
    let problems = problems.map(|one| {
        assert!(said.contains(one["message"].as_str().unwrap()) && one["help"].is_string(), "{one}\n{said}");
        let (severity, code) = (one["severity"].as_str().unwrap(), one["code"].as_str().unwrap());
        format!("{severity} {code} {}: {}", one["place"]["position"][0], one["message"].as_str().unwrap())
    });
    (fine, problems.collect(), json.status.code().unwrap())
}

#[track_caller]
fn expect(routes: Routes, more: &str, wanted: &str, status: i32) {
    let server = Server::listen(routes);
    let (_, problems, code) = told_of(&folder(&server.url, &format!("{}/base", server.url), more));
    assert_eq!((problems.join("\n").as_str(), code), (wanted, status));
}

#[test]
fn what_is_sound_is_told_line_by_line_and_nothing_is_sent() {
    let server = Server::listen(sound());
    let (mut fine, problems, status) = told_of(&folder(&server.url, &format!("{}/base/", server.url), ""));
    fine.sort_unstable();
    let url = &server.url;
    assert_eq!(
        (fine.join("\n"), problems, status),
        (
            format!(
                "ok: app: +14155550100 is a WhatsApp sender of the account, and online\n\
                 ok: app: Twilio takes auth_key\n\
                 ok: app: Twilio takes the API key\n\
                 ok: app: the account has the messaging service\n\
                 ok: public URL: a Boatswain answers at {url}/base/healthz"
            ),
            Vec::new(),
            0
        )
    );
    let asked = server.asked.lock().unwrap();
    assert!(asked.len() == 10 && asked.iter().all(|line| line.starts_with("GET ")), "{asked:?}");
}

#[test]
fn a_key_that_is_refused_is_an_error_at_its_place() {
    let refused = sound().with_key(&account_path(), (ACCOUNT, "another"), "200 OK", "{}");
    expect(refused, "", "error CREDENTIALS_REFUSED 6: app: Twilio refuses auth_key with this account_id", 1);
    let refused = sound().with_key(&messages_path(), (KEY, "another"), "200 OK", "{}");
    let wanted =
        "error API_KEY_REFUSED 7: app: Twilio refuses api_key_id and api_key_secret with this account_id";
    expect(refused, "", wanted, 1);
    let limited = sound().with_key(&messages_path(), (KEY, SECRET), "403 Forbidden", r#"{"code":20008}"#);
    expect(limited, "", "warning API_KEY_REFUSED 7: app: the API key may not read messages", 0);
    let suspended =
        sound().with_key(&account_path(), (ACCOUNT, TOKEN), "200 OK", r#"{"status":"suspended"}"#);
    expect(suspended, "", "error ACCOUNT_INACTIVE 5: app: Twilio says that the account is suspended", 1);
}

#[test]
fn senders_and_services_are_the_accounts_own() {
    let list = |status: &str, number: &str| {
        let body = format!(r#"{{"senders":[{{"sender_id":"whatsapp:{number}","status":"{status}"}}]}}"#);
        sound().with_key("/v2/Channels/Senders", (ACCOUNT, TOKEN), "200 OK", &body)
    };
    let offline =
        "error SENDER_OFFLINE 9: app: +14155550100 is a WhatsApp sender of this account, but OFFLINE";
    expect(list("OFFLINE", "+14155550100"), "", offline, 1);
    let unknown = "error SENDER_UNKNOWN 9: app: +14155550100 is no WhatsApp sender of this account";
    expect(list("ONLINE", "+393331234567"), "", unknown, 1);
    expect(list("ONLINE:UPDATING", "+14155550100"), "", "", 0);
    let mut gone = sound();
    gone.0.remove(&format!("/v1/Services/{SERVICE}"));
    let wanted =
        format!("error MESSAGING_SERVICE_UNKNOWN 10: app: the account has no messaging service {SERVICE}");
    expect(gone, "", &wanted, 1);
    let away = sound().to("/v2/Channels/Senders", "503 Away", "");
    let wanted = "warning ONLINE_UNCLEAR 9: app: it is not known which WhatsApp senders the account has: Twilio answered \
                  with HTTP status 503";
    expect(away, "", wanted, 0);
}

/// While tokens rotate, one of them may be refused; a company with an account of its own is asked about, one without not.
#[test]
fn rotating_tokens_and_companies_are_told_apart() {
    let server = Server::listen(sound());
    let company = "[applications.app.companies.ACME.WHATSAPP]\naccount_id = \"AC00000000000000000000000000000002\"\n\
                   auth_key = \"x\"\n[applications.app.companies.SAME.WHATSAPP]\ndefault_country_prefix = \"+41\"\n";
    let folder = folder(&server.url, &format!("{}/base", server.url), company);
    let params = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    let tokens = format!("auth_key = [\"{NEXT}\", \"{TOKEN}\"]");
    folder.write("app-params.toml", &params.replace(&format!("auth_key = \"{TOKEN}\""), &tokens));
    let (fine, mut problems, status) = told_of(&folder);
    problems.sort_unstable();
    assert_eq!(
        (problems.join("\n").as_str(), status),
        (
            "error CREDENTIALS_REFUSED 14: app, company ACME: Twilio refuses auth_key with this account_id\n\
             warning CREDENTIALS_REFUSED 6: app: Twilio refuses token 1 of auth_key with this account_id",
            1
        )
    );
    assert!(fine.contains(&"ok: app: Twilio takes token 2 of auth_key".to_owned()), "{fine:?}");
    assert!(!fine.iter().any(|line| line.contains("SAME")), "{fine:?}");
}

#[test]
fn the_public_url_leads_to_a_host() {
    let at = |status: &str, body: &str| sound().to("/base/healthz", status, body);
    let server = Server::listen(sound());
    let told = |routes: Routes| {
        let public = Server::listen(routes);
        let (_, problems, status) = told_of(&folder(&server.url, &format!("{}/base", public.url), ""));
        (problems.join("\n").replace(&public.url, "URL"), status)
    };
    let foreign = |what: &str| {
        (
            format!(
                "error PUBLIC_URL_FOREIGN 2: the public URL answers with HTTP status {what}: URL/base/healthz"
            ),
            1,
        )
    };
    assert_eq!(told(at("200 OK", "hello")), foreign("200, and not as a Boatswain does"));
    assert_eq!(told(at("404 Not Found", "")), foreign("404, and not as a Boatswain does"));
    assert_eq!(told(at("301 Moved\r\nlocation: https://x", "")), foreign("301, a redirection"));
    let away =
        "warning PUBLIC_URL_UNREACHABLE 2: the public URL answers with HTTP status 502: URL/base/healthz";
    assert_eq!(told(at("502 Bad Gateway", "")), (away.to_owned(), 0));
    // A port at which nobody listens any more.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let (_, problems, status) = told_of(&folder(&server.url, &format!("http://{gone}"), ""));
    let wanted = format!(
        "warning PUBLIC_URL_UNREACHABLE 2: the public URL cannot be reached from this computer: http://{gone}/healthz"
    );
    assert_eq!((problems.join("\n"), status), (wanted, 0));
}

#[test]
fn the_real_host_answers_as_one_and_its_simulator_is_found() {
    let folder = Folder::new("return 1", "");
    let host = folder.serve();
    let url = &host.url;
    let server = Server::listen(sound());
    let (fine, problems, status) = told_of(&self::folder(&server.url, url, ""));
    assert_eq!((problems, status), (Vec::new(), 0));
    assert!(fine.contains(&format!("ok: public URL: a Boatswain answers at {url}/healthz")), "{fine:?}");
    let (fine, ..) = told_of(&folder);
    assert!(fine.iter().any(|line| line.contains("app: the simulator stands in for Twilio")), "{fine:?}");
}

/// At the address of the simulator another folder's may answer: it is told of the accounts by who sends there.
#[test]
fn the_simulator_of_another_folder_is_told_apart_and_used() {
    let (theirs, ours) = (Folder::new("return 1", ""), Folder::new("return 1", ""));
    let host = theirs.serve();
    let simulator = host.wait_for("simulator ");
    let simulator = simulator.rsplit_once("http://").unwrap().1.trim().trim_end_matches('/').to_owned();
    ours.write(
        "app-params.toml",
        &format!(
            "[simulator]\nlisten = \"{simulator}\"\n[applications.app.WHATSAPP]\nenvironment = \"simulator\"\n\
             account_id = \"{ACCOUNT}\"\nauth_key = \"ours\"\nfrom_phone_number = \"+14155550100\""
        ),
    );
    let (fine, problems, status) = told_of(&ours);
    let elsewhere =
        format!("the simulator that answers at {simulator} is another's: it does not know {ACCOUNT}");
    let wanted = format!("warning SIMULATOR_ELSEWHERE null: {elsewhere}");
    assert_eq!((fine, problems, status), (Vec::new(), vec![wanted], 0));

    let sent = ours.boatswain(&["send", "app", "+393331234567", "Ciao"]);
    let said = String::from_utf8(sent.stdout).unwrap();
    assert!(said.contains(" is queued to +393331234567 from +14155550100"), "{said}");
    let (fine, problems, _) = told_of(&ours);
    assert!(problems.is_empty(), "{problems:?}");
    assert_eq!(fine, [format!("ok: app: the simulator stands in for Twilio: it answers at {simulator}")]);
}

/// A stand-in at `api_base_url` answers as Twilio does: what is wrong is told in its words.
#[test]
fn the_simulator_answers_what_twilio_is_asked() {
    let theirs = Folder::new("return 1", "");
    let host = theirs.serve();
    let simulator = host.wait_for("simulator ");
    let api = format!("http://{}", simulator.rsplit_once("http://").unwrap().1.trim().trim_end_matches('/'));
    let told = |account: &str, token: &str, sender: &str, environment: &str| {
        let params = format!(
            "[host]\npublic_url = \"{}\"\n[applications.app.WHATSAPP]\nenvironment = \"{environment}\"\n\
             account_id = \"{account}\"\nauth_key = \"{token}\"\nfrom_phone_number = \"{sender}\"\napi_base_url = \"{api}\"\n",
            host.url
        );
        let folder = Folder::with_params("return 1", &params);
        std::fs::set_permissions(folder.path("app-params.toml"), std::fs::Permissions::from_mode(0o600))
            .unwrap();
        let (fine, problems, status) = told_of(&folder);
        (fine.len(), problems.join("\n"), status)
    };
    let (account, token) = (crate::host::ACCOUNT, crate::host::TOKEN);
    let sender = "+14155238886";
    assert_eq!(told(account, token, sender, "production"), (3, String::new(), 0));
    assert_eq!(told(account, token, sender, "sandbox"), (3, String::new(), 0));
    assert_eq!(told(account, token, sender, "simulator"), (2, String::new(), 0));
    let refused = "error CREDENTIALS_REFUSED 6: app: Twilio refuses auth_key with this account_id";
    assert_eq!(told(account, "wrong", sender, "production"), (1, refused.to_owned(), 1));
    assert_eq!(told(ACCOUNT, token, sender, "production"), (1, refused.to_owned(), 1));
    let unknown = "error SENDER_UNKNOWN 7: app: +14155550100 is no WhatsApp sender of this account";
    assert_eq!(told(account, token, "+14155550100", "production"), (2, unknown.to_owned(), 1));
    assert_eq!(host.terminate(), Some(0));
}

/// A Twilio that does not answer is no reason to wait for ever, and no error.
#[test]
fn twilio_that_cannot_be_reached_leaves_it_open() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let server = Server::listen(sound());
    let (_, problems, status) =
        told_of(&folder(&format!("http://{gone}"), &format!("{}/base", server.url), ""));
    let wanted = "warning ONLINE_UNCLEAR 5: app: it is not known whether the credentials are good: Twilio could not be asked";
    assert!(problems.len() == 1 && problems[0].starts_with(wanted), "{problems:?}");
    assert_eq!(status, 0);
}
