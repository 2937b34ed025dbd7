//! The host's secrets appear nowhere (invariant 10), and people's numbers only where somebody asks to see them.
//!
//! Secrets that exist nowhere else are planted wherever an admin or an action may put one. Then everything runs that
//! could drop one, at the chattiest level of the log, and all that the program has said, kept or shown is searched.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use boatswain::base::Secret;
use boatswain::whatsapp::{Form, signature};

use crate::host::{ACCOUNT, FORM, Folder, HostProcess, TOKEN, callback, form, request, sid, workers_of};
use crate::twilio::{Twilio, account};

/// In the parameters: of the application, of a company, an API key's secret.
const LITERAL: &str = "c4n4ry/literal+0123456789abcdef01";
const COMPANY: &str = "c4n4ry/company+0123456789abcdef02";
const API_SECRET: &str = "c4n4ry/api+0123456789abcdef0304";
/// In a variable and in a file.
const VARIABLE: &str = "c4n4ry/variable+0123456789abcdef05";
const FILE: &str = "c4n4ry/file+0123456789abcdef06070";
/// Brought along by an action: one that Twilio takes, one that it does not.
const BROUGHT: &str = "c4n4ry/brought+0123456789abcdef08";
const REFUSED: &str = "c4n4ry/refused+0123456789abcdef09";
/// A part of the service account's private key.
const SERVICE: &str = "yXk9cM4cxTjzR7H2FeP4mUUjlY3FrAbioaTRxGfro5k";
/// Two people, by their digits.
const RECIPIENT: &str = "393479876501";
const WRITER: &str = "393479876502";
/// What the action logs and keeps on purpose: the search must find it.
const CONTROL: &str = "c4n4ry/control+0123456789abcdef10";

/// What a status of a message is to this action: what it shall do.
const ACTION: &str = r#"
    const to = "+RECIPIENT", key = "BROUGHT", account = "AC00000000000000000000000000000002";
    const from = "+14155550100";
    let told = null;
    switch (vo.MessageStatus) {
        case "send": told = sendWhatsappMessage(to, "Ciao"); break;
        case "store": told = utils.whatsapp.send({ to, bucketName: "my-bucket", fileName: "a.png" }); break;
        case "bring": told = sendWhatsappMessageWithSettings(account, key, from, to, "Ciao"); break;
        case "bring-wrong": told = sendWhatsappMessageWithSettings(account, "REFUSED", from, to, "Ciao"); break;
        case "swap": told = sendWhatsappMessageWithSettings(key, account, from, to, "Ciao"); break;
        case "mistake": told = sendWhatsappMessageWithSettings(account, from, key, to, "Ciao"); break;
        case "numbers": told = sendWhatsappMessage(key, "Ciao"); break;
        case "type": sendWhatsappMessageWithSettings(account, [key], from, to, "Ciao"); break;
        case "member": utils.whatsapp.send({ to, secretKey: { key } }); break;
        case "parameter": told = [utils.getParameter("auth_key"), utils.getParameter("nothing")]; break;
        case "spin": for (;;) {}
        case "throw": throw new Error("thrown " + Object.keys(vo) + typeof process + globalThis.constructor.name);
    }
    utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, 'CONTROL')");
    console.log("end of " + vo.MessageStatus + ", CONTROL");
    return typeof told;
"#;

/// One secret in the shapes that it may take on its way.
fn shapes(secret: &[u8]) -> Vec<Vec<u8>> {
    let hex = |digits: &str| -> String {
        secret
            .iter()
            .flat_map(|byte| [byte >> 4, byte & 15])
            .map(|digit| char::from(digits.as_bytes()[usize::from(digit)]))
            .collect()
    };
    let escaped = |hex: &str, every: bool| -> String {
        let pairs = hex.as_bytes().chunks(2).zip(secret);
        let pair = |(pair, byte): (&[u8], &u8)| {
            if byte.is_ascii_alphanumeric() && !every {
                char::from(*byte).to_string()
            } else {
                format!("%{}", String::from_utf8_lossy(pair))
            }
        };
        pairs.map(pair).collect()
    };
    let (lower, upper) = (hex("0123456789abcdef"), hex("0123456789ABCDEF"));
    let mut shapes = vec![secret.to_vec()];
    for (hex, every) in [(&lower, true), (&lower, false), (&upper, true), (&upper, false)] {
        shapes.push(escaped(hex, every).into_bytes());
    }
    shapes.extend([lower.into_bytes(), upper.into_bytes()]);
    // In Base64 it looks otherwise behind one, two or three other bytes; the ends belong to its neighbours as well.
    for before in 0..3 {
        let text = [&[b' '; 2][..before], secret].concat();
        for engine in [STANDARD, URL_SAFE] {
            let encoded = engine.encode(&text);
            let whole = encoded.trim_end_matches('=');
            shapes.push(whole.as_bytes()[2 * before..whole.len() - 2].to_vec());
        }
    }
    shapes
}

/// Everything that was said and kept, by where it was.
#[derive(Default)]
struct Sweep {
    places: Vec<(String, Vec<u8>)>,
}

impl Sweep {
    fn add(&mut self, place: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.places.push((place.into(), bytes.into()));
    }

    /// All files of a folder but the key itself.
    fn add_files(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let (path, kind) = (entry.path(), entry.file_type().unwrap());
            if kind.is_dir() {
                self.add_files(&path);
            } else if kind.is_file() && !path.ends_with("host.key") {
                self.add(path.display().to_string(), fs::read(&path).unwrap());
            }
        }
    }

    /// What anybody on the computer may see of a process, and its own user.
    fn add_process(&mut self, name: &str, pid: u32) {
        for file in ["cmdline", "environ"] {
            self.add(format!("{file} of {name}"), fs::read(format!("/proc/{pid}/{file}")).unwrap());
        }
    }

    /// Where a text is, in any of its shapes.
    fn places_of(&self, secret: &[u8]) -> Vec<&str> {
        // As text with a character for each byte, because that can be searched fast.
        let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
        let shapes: Vec<_> = shapes(secret).iter().map(|shape| text(shape)).collect();
        let holds = |bytes: &[u8]| {
            let place = text(bytes);
            shapes.iter().any(|shape| place.contains(shape))
        };
        self.places.iter().filter(|(_, bytes)| holds(bytes)).map(|(place, _)| place.as_str()).collect()
    }
}

#[test]
fn the_search_finds_a_secret_in_every_shape() {
    let secret = BROUGHT.as_bytes();
    let encoded = |before: &str| STANDARD.encode(format!("{before}{BROUGHT} and more"));
    let form: String = form_urlencoded::byte_serialize(secret).collect();
    let pairs: Vec<_> = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let (hex, percent) = (pairs.concat(), format!("%{}", pairs.join("%")).to_uppercase());
    for place in [
        BROUGHT.to_owned(),
        format!("key={BROUGHT}&"),
        encoded(""),
        encoded("A"),
        encoded("AC"),
        encoded("AC:"),
        URL_SAFE.encode(format!("AC00:{BROUGHT}")),
        hex.clone(),
        hex.to_uppercase(),
        percent,
        form,
    ] {
        let mut sweep = Sweep::default();
        sweep.add("there", place.clone());
        assert_eq!(sweep.places_of(secret), ["there"], "{place}");
        assert!(sweep.places_of(LITERAL.as_bytes()).is_empty(), "{place}");
    }
}

/// A host with secrets everywhere, and what it says and keeps.
struct Planted {
    folder: Folder,
    twilio: Twilio,
    sweep: Sweep,
    /// What was said in answer to commands that show numbers masked.
    masked: Sweep,
    format: &'static str,
}

impl Planted {
    fn new(format: &'static str) -> Self {
        let twilio = Twilio::listen();
        let params = format!(
            r#"
            [host]
            listen = "127.0.0.1:0"
            [applications.app.WHATSAPP]
            environment = "simulator"
            api_base_url = "{}"
            account_id = "{}"
            auth_key = ["{LITERAL}", {{ env = "CANARY_VARIABLE" }}, {{ file = "canary-file" }}]
            api_key_id = "SK00000000000000000000000000000001"
            api_key_secret = "{API_SECRET}"
            from_phone_number = "+14155238886"
            whatsapp_callback = "callback"
            incoming_message = "message"
            [applications.app.companies.ACME.WHATSAPP]
            account_id = "{}"
            auth_key = "{COMPANY}"
            [applications.app.GOOGLE_CLOUD_STORAGE]
            credentials_file = "service-account.json"
            [applications.app.limits]
            cpu_ms = 100
            "#,
            twilio.url,
            account(1),
            account(3)
        );
        let action = ACTION.replace("RECIPIENT", RECIPIENT).replace("BROUGHT", BROUGHT);
        let folder =
            Folder::with_params(&action.replace("REFUSED", REFUSED).replace("CONTROL", CONTROL), &params);
        folder.write("scripts/app/message.js", "console.log('end of message'); return 'We heard you';");
        folder.write("canary-file", &format!("{FILE}\n"));
        let key = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/test_only_service_account.json");
        fs::copy(key, folder.path("service-account.json")).unwrap();
        assert!(fs::read_to_string(key).unwrap().contains(SERVICE));
        twilio.accepts("SK00000000000000000000000000000001", vec![API_SECRET.to_owned()]);
        twilio.accepts(&account(2), vec![BROUGHT.to_owned()]);
        Self { folder, twilio, sweep: Sweep::default(), masked: Sweep::default(), format }
    }

    fn environment(&self, failpoint: &'static str) -> [(&'static str, &'static str); 5] {
        [
            ("CANARY_VARIABLE", VARIABLE),
            ("CANARY_CONTROL", CONTROL),
            ("BOATSWAIN_LOG", "trace"),
            ("BOATSWAIN_LOG_FORMAT", self.format),
            ("BOATSWAIN_FAILPOINT", failpoint),
        ]
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.folder.command(arguments);
        command.envs(self.environment("")).stdin(Stdio::null());
        command
    }

    /// What commands say that look at it all.
    fn look(&mut self, when: &str) {
        for arguments in [
            &["check"][..],
            &["check", "--json"],
            &["accounts", "list"],
            &["accounts", "list", "--json"],
            &["messages", "list"],
            &["messages", "list", "--json"],
            &["messages", "list", "--to", &format!("+{RECIPIENT}")],
            &["messages", "report", "--by", "company,status", "--csv"],
            &["notifications", "list"],
            &["notifications", "list", "--json"],
            &["notifications", "show", "1", "--json"],
            &["notifications", "show", "3"],
            &["runs", "list"],
            &["runs", "list", "--json"],
            &["runs", "show", "1", "--json"],
            &["runs", "show", "2"],
            &["opt-outs", "list", "--json"],
            &["pause", "app", "--company", "OTHER", "--reason", "because"],
            &["pause"],
        ] {
            let output = self.command(arguments).output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            self.masked.add(format!("{when}: {arguments:?}"), said.clone());
            self.sweep.add(format!("{when}: {arguments:?}"), said);
        }
        let ids = self.command(&["messages", "list", "--json"]).output().unwrap().stdout;
        let ids: Vec<serde_json::Value> =
            String::from_utf8(ids).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert!(ids.len() > 4, "{ids:?}");
        for id in &ids {
            let output = self.command(&["messages", "show", id["id"].as_str().unwrap()]).output().unwrap();
            let said = [output.stdout, output.stderr].concat();
            self.masked.add(format!("{when}: {id}"), said.clone());
            self.sweep.add(format!("{when}: {id}"), said);
        }
        let export = self.command(&["export", &format!("+{RECIPIENT}")]).output().unwrap();
        self.masked.add(format!("{when}: export's log"), export.stderr.clone());
        self.sweep.add(format!("{when}: export"), [export.stdout, export.stderr].concat());
    }

    /// Runs by hand: what is returned, thrown, and wrong about the parameters.
    fn run_by_hand(&mut self, when: &str) {
        for what in [
            "send",
            "bring",
            "bring-wrong",
            "swap",
            "mistake",
            "numbers",
            "type",
            "member",
            "parameter",
            "throw",
        ] {
            let vo = format!("{{\"MessageStatus\":\"{what}\"}}");
            let output = self.command(&["run", "app/callback", "--vo", &vo]).output().unwrap();
            assert!(!String::from_utf8_lossy(&output.stderr).contains("NOT_RUN"), "{output:?}");
            self.sweep.add(format!("{when}: run {what}"), [output.stdout, output.stderr].concat());
        }
    }

    fn back_up(&mut self, name: &str) {
        let output = self.command(&["backup", name]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        self.sweep.add(format!("{name}: said"), [output.stdout, output.stderr].concat());
        let mut archive = tar::Archive::new(fs::File::open(self.folder.path(name)).unwrap());
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            assert!(!path.contains("host.key"), "{path}");
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            self.sweep.add(format!("{name}: {path}"), bytes);
        }
    }

    /// Commands that meet parameters which are wrong at the very place of a secret.
    fn check_wrong_parameters(&mut self) {
        let sound = fs::read_to_string(self.folder.path("app-params.toml")).unwrap();
        let line = sound.lines().find(|line| line.contains("auth_key = [")).unwrap();
        for wrong in [
            format!("auth_key = \"{LITERAL}"),
            format!("auth_key = {LITERAL}"),
            format!("auth_key = [\"{LITERAL}\", \"{LITERAL}\\q\"]"),
            format!("auth_key = \"\"\"{LITERAL}"),
            format!("auth_key = {{ env = \"{LITERAL}\" }}"),
            format!("auth_key = {{ value = \"{LITERAL}\" }}"),
            format!("auth_token = \"{LITERAL}\""),
            format!("auth_key = \"{LITERAL}\"\nauth_key = \"{LITERAL}\""),
            format!("auth_key = \" {LITERAL}\""),
            format!("auth_key = \"{LITERAL}\"\nenvironment = \"{LITERAL}\""),
            format!("auth_key = \"x\"\napi_base_url = \"https://user:{LITERAL}@127.0.0.1/\""),
        ] {
            self.folder.write("app-params.toml", &sound.replace(line, &wrong));
            for command in [&["check"][..], &["check", "--json"], &["serve"]] {
                let output = self.command(command).output().unwrap();
                assert_ne!(output.status.code(), Some(0), "{wrong}: {command:?}");
                self.sweep.add(format!("{wrong}: {command:?}"), [output.stdout, output.stderr].concat());
            }
        }
        self.folder.write("app-params.toml", &sound);
    }
}

/// A status of the application's own account, which is what the action shall do.
fn call(host: &HostProcess, number: u32, what: &str, key: &str) -> u16 {
    let mut fields: Vec<_> = form(&sid(number), what).pairs().to_vec();
    for (name, value) in &mut fields {
        if name == "To" {
            *value = format!("whatsapp:+{RECIPIENT}");
        }
    }
    let form: Form = fields.into_iter().collect();
    callback(&host.url, &host.url, "/whatsapp/callback/app/NODEFINED", &form, key).status
}

/// A message that somebody writes, whose action replies.
fn write(host: &HostProcess, number: u32, text: &str) {
    let form: Form = [
        ("AccountSid", account(1).as_str()),
        ("MessageSid", &sid(number)),
        ("SmsStatus", "received"),
        ("From", &format!("whatsapp:+{WRITER}")),
        ("To", "whatsapp:+14155238886"),
        ("WaId", WRITER),
        ("Body", text),
    ]
    .into_iter()
    .collect();
    let path = "/whatsapp/message/app/NODEFINED";
    let signature = signature::sign(&format!("{}{path}", host.url), &form, &Secret::new(VARIABLE));
    let headers = [FORM, ("x-twilio-signature", &signature)];
    assert_eq!(request(&host.url, "POST", path, &headers, form.encode().as_bytes()).status, 200);
}

fn swept(format: &'static str) {
    let mut planted = Planted::new(format);
    let host = planted.folder.serve_with(&planted.environment("panic:send-answered"));
    planted.sweep.add_process("the host", host.pid());
    let called = |what: &str, number| assert_eq!(call(&host, number, what, FILE), 204, "{what}");
    called("send", 1);
    host.wait_for("a fault of the program's own");
    let done = ["store", "bring", "bring-wrong", "swap", "mistake", "numbers", "parameter"];
    for (number, what) in (2..).zip(done) {
        called(what, number);
        host.wait_for(&format!("end of {what},"));
    }
    host.wait_for("end of send,");
    for (number, what) in (20..).zip(["type", "member", "spin", "throw"]) {
        called(what, number);
        host.wait_for_many("next", number as usize - 18); // the fault of before is one, too
    }
    for key in ["wrong", COMPANY, BROUGHT] {
        assert_eq!(call(&host, 30, "send", key), 403);
    }
    write(&host, 40, "Good morning");
    host.wait_for("end of message");
    planted.twilio.answers_nothing(true);
    called("send", 50);
    host.wait_for_many("end of send,", 2);
    write(&host, 41, "STOP");
    host.wait_for_many("end of message", 2);
    for (number, worker) in workers_of(host.pid()).into_iter().enumerate() {
        planted.sweep.add_process(&format!("worker {number}"), worker);
    }
    assert!(planted.sweep.places.len() >= 4, "a worker was looked at");
    planted.twilio.answers_nothing(false);
    planted.run_by_hand("beside the host");
    planted.look("beside the host");
    planted.back_up("beside.tar");
    planted.sweep.add_process("the host later", host.pid());
    let said = host.said();
    planted.masked.add("the log", said.clone());
    planted.sweep.add("the log", said);
    host.kill(); // so that SQLite's logs stay
    planted.sweep.add_files(&planted.folder.path("data"));
    planted.look("alone");
    planted.back_up("alone.tar");
    if format == "text" {
        planted.run_by_hand("alone");
        planted.check_wrong_parameters();
    }
    planted.sweep.add_files(&planted.folder.path("data"));

    let key = fs::read(planted.folder.path("data/host.key")).unwrap();
    assert_eq!(key.len(), 32);
    let texts = [LITERAL, COMPANY, API_SECRET, VARIABLE, FILE, BROUGHT, REFUSED, SERVICE].map(str::as_bytes);
    for secret in texts.into_iter().chain([&key[..], &key[..16], &key[16..]]) {
        let places = planted.sweep.places_of(secret);
        assert!(places.is_empty(), "{} is in {places:#?}", String::from_utf8_lossy(secret));
    }
    for number in [RECIPIENT, WRITER] {
        let places = planted.masked.places_of(number.as_bytes());
        assert!(places.is_empty(), "{number} is in {places:#?}");
    }
    // The search looks where it should: what the action has logged and kept is found, and so is a variable that is none
    // of the host's, and a number that somebody asked to see.
    let found = planted.sweep.places_of(CONTROL.as_bytes());
    for place in
        ["the log", "environ of the host", "host.db", "app.db", "run send", "beside.tar: apps/app.db"]
    {
        assert!(found.iter().any(|found| found.contains(place)), "{place} in {found:#?}");
    }
    let found = planted.sweep.places_of(RECIPIENT.as_bytes());
    assert!(found.iter().any(|found| found.contains("export")), "{found:#?}");
}

#[test]
fn secrets_appear_nowhere_with_a_log_in_text() {
    swept("text");
}

#[test]
fn secrets_appear_nowhere_with_a_log_in_json() {
    swept("json");
}

#[test]
fn no_page_of_the_simulator_shows_a_key() {
    let folder = Folder::new("", "");
    let params = fs::read_to_string(folder.path("app-params.toml")).unwrap();
    folder.write("app-params.toml", &params.replace(TOKEN, LITERAL));
    let host = folder.serve();
    let simulator = host.wait_for("simulator ").split_whitespace().last().unwrap().to_owned();
    let authority = simulator.trim_start_matches("http://").trim_end_matches('/');
    let mut sweep = Sweep::default();
    for path in ["/", "/simulator", "/simulator/accounts", "/simulator/messages", "/simulator/scripts"] {
        let answer = request(&simulator, "GET", path, &[("host", authority)], b"");
        assert_eq!(answer.status, 200, "{path}");
        sweep.add(path, answer.body);
    }
    assert!(sweep.places_of(LITERAL.as_bytes()).is_empty());
    assert_eq!(sweep.places_of(ACCOUNT.as_bytes()), ["/simulator/accounts"], "the search reads the pages");
    assert_eq!(host.terminate(), Some(0));
}
