//! What an author's editor is told is what the program does: the committed types are the generated ones, the examples
//! run, and what is called a shape has the members that the host gives.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Output;

use boatswain::host::MANIFEST;
use boatswain::host::types::{JSCONFIG, declarations};
use serde_json::{Value, json};

use crate::bench::{Bench, value};
use crate::host::{ACCOUNT, Folder, client, runtime};

const KEY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/test_only_service_account.json");

fn committed(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap()
}

#[test]
fn the_committed_types_are_those_of_the_manifest() {
    assert!(committed("scripts/boatswain.d.ts") == declarations(), "run `cargo run -- types`");
    assert_eq!(committed("scripts/jsconfig.json"), JSCONFIG, "the settings that authors are given");
}

fn said(output: &Output) -> (i32, String) {
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    (output.status.code().unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

#[test]
fn types_are_written_and_checked() {
    let folder = Folder::new("", "");
    let read = |name: &str| fs::read_to_string(folder.path(name)).ok();

    let (status, told) = said(&folder.boatswain(&["types", "--check"]));
    assert_eq!(status, 1, "{told}");
    assert!(told.starts_with("error[TYPES_STALE]: "), "{told}");
    assert!(
        told.contains("scripts/boatswain.d.ts") && told.contains("help: run `boatswain types`"),
        "{told}"
    );
    assert_eq!((read("scripts/boatswain.d.ts"), read("scripts/jsconfig.json")), (None, None), "only checked");

    let (status, told) = said(&folder.boatswain(&["types"]));
    assert_eq!(
        (status, told.as_str()),
        (0, "scripts/boatswain.d.ts is written\nscripts/jsconfig.json is written\n")
    );
    assert_eq!(read("scripts/boatswain.d.ts"), Some(declarations()));
    assert_eq!(read("scripts/jsconfig.json").as_deref(), Some(JSCONFIG));
    assert_eq!(said(&folder.boatswain(&["types", "--check"])), (0, String::new()));

    folder.write("scripts/boatswain.d.ts", "of another version");
    folder.write("scripts/jsconfig.json", "{}");
    assert_eq!(said(&folder.boatswain(&["types", "--check"])).0, 1);
    assert_eq!(read("scripts/boatswain.d.ts").as_deref(), Some("of another version"));
    assert_eq!(said(&folder.boatswain(&["types"])).0, 0);
    assert_eq!(read("scripts/boatswain.d.ts"), Some(declarations()));
    assert_eq!(read("scripts/jsconfig.json").as_deref(), Some("{}"), "an author's own settings are kept");
    assert_eq!(said(&folder.boatswain(&["types"])), (0, "scripts/boatswain.d.ts is up to date\n".to_owned()));
}

#[test]
fn types_go_into_the_folder_in_force() {
    let folder = Folder::new("", "");
    fs::create_dir(folder.path("actions")).unwrap();
    let mut command = folder.command(&["types"]);
    assert!(command.env("BOATSWAIN_SCRIPTS", "actions").output().unwrap().status.success());
    assert!(folder.path("actions/boatswain.d.ts").exists());

    folder.write("deep/scripts/a.txt", "");
    assert_eq!(said(&folder.boatswain(&["types", "--params", "deep/app-params.toml"])).0, 0);
    assert!(
        folder.path("deep/scripts/boatswain.d.ts").exists(),
        "beside the parameters, which it does not read"
    );

    let (status, told) = said(&folder.boatswain(&["types", "--scripts", "nowhere"]));
    assert_eq!(status, 1, "{told}");
    assert!(
        told.starts_with("error[TYPES_UNWRITABLE]: ") && told.contains("nowhere/boatswain.d.ts"),
        "{told}"
    );
    assert!(!folder.path("nowhere").exists(), "a misspelt folder is not made");
}

/// What the parameters of the examples' application add to those of the bench.
fn parameters() -> String {
    format!(
        r#"
        [applications.app.parameters.branch]
        account = "AC00000000000000000000000000000002"
        key = "acme-token"
        sender = "+14155550100"
        [applications.app.GOOGLE_CLOUD_STORAGE]
        credentials_file = "{KEY}"
        "#
    )
}

const SCHEMA: &str = r"
    CREATE TABLE orders (order_id TEXT PRIMARY KEY, customer TEXT, state TEXT);
    INSERT INTO orders VALUES ('A-7', 'Ada', 'new');
    UPDATE orders SET state = 'new'";

/// What each example returns.
fn returned(function: &str) -> Value {
    let sid = json!("SID");
    match function {
        "sendWhatsappMessage"
        | "sendWhatsappMessageWithSettings"
        | "sendWhatsappTemplate"
        | "sendWhatsappTemplateWithSettings"
        | "whatsapp.send" => sid,
        "executeQuery" => json!(["A-7 is new"]),
        "executeSql" => json!("packed"),
        "setReturnValue" => json!({ "orderId": "A-7", "state": "packed" }),
        "log" => Value::Null,
        "getParameter" => json!("Bottega Aurora thanks you."),
        "getSignedUrl" => json!("URL"),
        "getPublicUrl" => json!("http://127.0.0.1:9/some/where/public/app/parcel.png"),
        "getWhatsappMessage" => json!("never sent"),
        "getWhatsappWindow" => json!(true),
        "reply" => json!("Hello Ada, we will look at it."),
        "saveMedia" => json!("We have got it."),
        _ => panic!("what does the example of {function} return?"),
    }
}

#[test]
fn every_example_runs() {
    let names: Vec<_> = MANIFEST.iter().map(|function| function.name.replace('.', "_")).collect();
    let actions: Vec<_> =
        names.iter().zip(MANIFEST).map(|(name, function)| (name.as_str(), function.example)).collect();
    let schema = SCHEMA.split(';').map(|statement| format!("utils.executeSql(`{statement}`);"));
    let schema: String = schema.collect();
    let actions: Vec<_> = [("schema", schema.as_str())].into_iter().chain(actions).collect();
    let bench = Bench::with("cpu_ms = 5000", &parameters(), &actions);
    value(&bench.run("schema", json!({})));
    let vo = json!({ "MessageSid": "SM1", "Body": "Ciao", "profileName": "Ada", "media": [] });
    for (name, function) in names.iter().zip(MANIFEST) {
        let told = match value(&bench.run(name, vo.clone())) {
            Value::String(text) if text.starts_with("SM") || text.starts_with("MM") => json!("SID"),
            Value::String(text) if text.contains("X-Goog-Signature=") => json!("URL"),
            told => told,
        };
        assert_eq!(told, returned(function.name), "{}", function.name);
    }
    bench.stop();
}

#[test]
fn the_examples_of_the_page_about_types_run() {
    let page = committed("docs/types.md");
    let examples: Vec<_> =
        page.split("```js\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    let names: Vec<_> = (0..examples.len()).map(|number| format!("example{number}")).collect();
    let actions = names.iter().map(String::as_str).zip(examples.iter().copied());
    let schema = "utils.executeSql(`CREATE TABLE orders (order_id TEXT, state TEXT)`);
                  utils.executeSql(`INSERT INTO orders VALUES ('A-7', 'new')`);";
    let bench = Bench::new(&[("schema", schema)].into_iter().chain(actions).collect::<Vec<_>>());
    value(&bench.run("schema", json!({})));
    let vo = json!({ "MessageSid": "SM1", "MessageStatus": "sent", "media": [], "profileName": null, "orderId": "A-7" });
    let told: Vec<_> = names.iter().map(|name| value(&bench.run(name, vo.clone()))).collect();
    let sid = |value: &Value| value.as_str().is_some_and(|text| text.starts_with("SM"));
    assert_eq!(told[..3], [Value::Null, json!("Hello there, that was 0 pictures."), json!("A-7: 0.00")]);
    assert!(sid(&told[3]) && told[4] == json!(["NEW"]) && sid(&told[5]) && told.len() == 6, "{told:?}");
    bench.stop();
}

#[test]
fn everything_is_documented() {
    for function in MANIFEST {
        let mut names = BTreeSet::new();
        assert!(function.documentation.ends_with('.'), "{}", function.name);
        assert_eq!(
            function.returns.documentation.is_empty(),
            function.returns.kind == "void",
            "{}",
            function.name
        );
        for parameter in std::iter::once(&function.parameters).chain(function.otherwise).copied().flatten() {
            names.insert(parameter.name);
            assert!(!parameter.documentation.is_empty(), "{}: {}", function.name, parameter.name);
        }
        assert!(
            names.len() <= function.parameters.len(),
            "{}: another form brings no new names",
            function.name
        );
        let global = format!("declare const {}: ", function.name);
        assert_eq!(declarations().contains(&global), function.global, "{}", function.name);
    }
}

/// The members of an interface, and of those that it extends.
pub fn members(interface: &str) -> BTreeSet<String> {
    let types = declarations();
    let head = format!("\n  interface {interface} ");
    let rest = types.split(&head).nth(1).unwrap_or_else(|| panic!("there is no interface {interface}"));
    let (bases, rest) = rest.split_once('{').unwrap();
    let body = rest.split("\n  }\n").next().unwrap();
    let own =
        body.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(':')).map(|(name, _)| name);
    let is_name = |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let own = own.map(|name| name.trim_end_matches('?')).filter(is_name).map(str::to_owned);
    let bases = bases.trim().strip_prefix("extends ").into_iter().flat_map(|bases| bases.split(", "));
    own.chain(bases.flat_map(members)).collect()
}

fn keys(value: &Value) -> BTreeSet<String> {
    value.as_object().unwrap_or_else(|| panic!("{value}")).keys().cloned().collect()
}

#[test]
fn shapes_have_the_members_that_the_host_gives() {
    let bench = Bench::new(&[
        ("sent", "return utils.whatsapp.send({ to: '+393331234567', body: 'Ciao' })"),
        ("refused", "return utils.whatsapp.send({ to: '1', body: 'Ciao' })"),
        (
            "record",
            "const { sid } = utils.whatsapp.send({ to: '+393331234567', body: 'Bis' });
             return utils.getWhatsappMessage(sid)",
        ),
        ("window", "return utils.getWhatsappWindow('+393331234567')"),
        ("reqParams", "return reqParams"),
        ("members", "return utils.whatsapp.send(vo)"),
    ]);
    for (action, interface) in [
        ("sent", "WhatsappSent"),
        ("refused", "WhatsappNotSent"),
        ("window", "WhatsappWindow"),
        ("reqParams", "ReqParams"),
    ] {
        assert_eq!(keys(&bench.returned(action)), members(interface), "{interface}");
    }
    let record = bench.returned("record");
    assert_eq!(keys(&record), members("WhatsappMessageRecord"));
    assert_eq!(keys(&record["history"][0]), members("WhatsappMessageEvent"));
    // The host knows every member of a message, and no other: an unknown one would throw.
    let message: Value = members("WhatsappMessage").into_iter().map(|name| (name, Value::Null)).collect();
    assert_eq!(value(&bench.run("members", message))["errorCode"], "INVALID_PHONE_NUMBER");
    assert_eq!(members("WhatsappMessage").len(), 11, "as many as there are");
    bench.stop();
}

#[test]
fn the_types_of_vo_have_every_field_that_comes() {
    let folder = Folder::new("console.log('fields ' + JSON.stringify(vo))", "incoming_message = 'incoming'");
    folder.write("scripts/app/incoming.js", "console.log('message ' + JSON.stringify(vo))");
    folder.write("scripts/app/send.js", "return utils.whatsapp.send(vo)");
    let host = folder.serve();
    let line = host.wait_for("simulator ");
    let simulator = line.split_whitespace().last().unwrap().trim_end_matches('/').to_owned();
    let sent = folder.boatswain(&["run", "app/send", "--vo", r#"{"to":"+393990263016","body":"Ciao"}"#]);
    assert!(sent.status.success(), "{sent:?}");
    let written = json!({
        "account_sid": ACCOUNT, "from": "+393331234567", "to": "+14155238886", "profile_name": "Ada",
        "media": [{ "content_type": "image/png", "base64": "iVBORw0KGgo=" }],
        "location": { "latitude": 45.07, "longitude": 7.69, "address": "Via Po 1", "label": "Torino" },
        "button": { "text": "Sì", "payload": "yes" },
    });
    runtime().block_on(async {
        let request = client().post(format!("{simulator}/simulator/incoming")).json(&written);
        assert!(request.send().await.unwrap().status().is_success());
    });
    let vo = |line: String, word: &str| -> Value {
        let json = line.split_once(word).unwrap().1;
        serde_json::Deserializer::from_str(json).into_iter().next().unwrap().unwrap()
    };
    let message = vo(host.wait_for("message {"), "message ");
    let failure = vo(host.wait_for("\"MessageStatus\":\"undelivered\""), "fields ");
    assert_eq!(host.terminate(), Some(0));

    let known = members("Notification");
    assert_eq!(failure["ErrorCode"], "63016");
    for name in keys(&failure) {
        assert!(known.contains(&name), "Notification has no {name}");
    }
    let known = members("IncomingMessage");
    let numbered =
        |name: &str| name == "MediaUrl0" || name == "MediaContentType0" || name.starts_with("Referral");
    for name in keys(&message) {
        assert!(known.contains(&name) || numbered(&name), "IncomingMessage has no {name}");
    }
    for (member, interface) in [("location", "IncomingLocation"), ("button", "IncomingButton")] {
        assert_eq!(keys(&message[member]), members(interface), "{interface}");
    }
    assert_eq!(keys(&message["media"][0]), members("IncomingMedium"));
}

/// The codes that an editor offers for `errorCode` are those of the page about sending.
#[test]
fn the_codes_of_outcomes_are_those_of_the_page() {
    let page = committed("docs/sending.md");
    let cells = page.lines().filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    let in_capitals =
        |code: &&str| code.contains('_') && code.bytes().all(|b| b.is_ascii_uppercase() || b == b'_');
    // Those of a reply are told in the log alone.
    let documented: BTreeSet<_> = cells
        .flat_map(|cell| cell.split(['`', ',', ' ']))
        .filter(in_capitals)
        .filter(|code| !code.starts_with("REPLY_"))
        .collect();
    let types = declarations();
    let union = types.split("type OutcomeCode =").nth(1).unwrap().split(';').next().unwrap();
    let offered: BTreeSet<_> = union.split('"').skip(1).step_by(2).collect();
    assert!(offered.len() > 30, "{offered:?}");
    assert_eq!(offered, documented);
}
