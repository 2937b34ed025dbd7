//! Secrets are nowhere to be read: unique ones are planted in parameters, environment, files and calls; everything runs,
//! fails and is looked at; and nothing that can be read holds one (invariant 10).

use std::process::Stdio;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD};

use crate::host::{ACCOUNT, Folder, callback, form, sid, workers_of};

const PATH: &str = "/whatsapp/callback/app/NODEFINED";

#[test]
fn no_secret_is_in_any_output_database_or_process() {
    const AUTH: &str = "canary-auth-7f3a91";
    const NEXT: &str = "canary-next-5c20bd";
    const API: &str = "canary-api-e118c4";
    const COMPANY: &str = "canary-company-93d7";
    const GIVEN: &str = "canary-given-b4406f";
    let folder = Folder::with_params(
        r#"
        // Only the first notification and the run by hand send: what they send is notified too.
        if (vo.ApiVersion && vo.MessageSid !== "SM00000000000000000000000000000001") return;
        utils.sendWhatsappMessageWithSettings("AC00000000000000000000000000000009", "canary-given-b4406f", "+14155550100", "+393331234567", "Ciao");
        utils.whatsapp.send({ to: "+393331234567", body: "Ciao", companyId: "ACME" });
        utils.whatsapp.send({ to: "+393331234567", body: "Ciao" });
        utils.whatsapp.send({ to: "+393331234567", body: "Ciao", accountId: "AC1", secretKey: "canary-given-b4406f" });
        utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, '', NULL)");
        console.log("effect of " + vo.MessageSid, JSON.stringify([vo, reqParams, userInfo]));
        throw new Error("no " + Object.keys(utils));
        "#,
        &format!(
            "[host]\nlisten = \"127.0.0.1:0\"\n[simulator]\nlisten = \"127.0.0.1:0\"\n[applications.app.WHATSAPP]\n\
             environment = \"simulator\"\naccount_id = \"{ACCOUNT}\"\nauth_key = [{{ env = \"AUTH\" }}, {{ file = \"next\" }}]\n\
             api_key_id = \"SK00000000000000000000000000000001\"\napi_key_secret = \"{API}\"\n\
             from_phone_number = \"+14155238886\"\nwhatsapp_callback = \"callback\"\n\
             [applications.app.companies.ACME.WHATSAPP]\naccount_id = \"AC00000000000000000000000000000002\"\n\
             auth_key = \"{COMPANY}\"\nfrom_phone_number = \"+14155550100\""
        ),
    );
    folder.write("next", NEXT);
    folder.write("scripts/app/killed.js", "/(a+)+$/.test('a'.repeat(60) + JSON.stringify(utils))");
    folder.write("scripts/app/deep.js", &format!("return {}1", "[".repeat(20_000)));
    let environment = [("AUTH", AUTH), ("BOATSWAIN_LOG", "trace")];
    let host = folder.serve_with(&environment);
    let answer = callback(&host.url, &host.url, PATH, &form(&sid(1), "sent"), AUTH);
    assert_eq!(answer.status, 204);
    assert_eq!(callback(&host.url, &host.url, PATH, &form(&sid(1), "sent"), "wrong").status, 403);
    host.wait_for(&format!("effect of {}", sid(1)));
    let mut said = processes(host.pid());
    let mut look = |arguments: &[&str]| {
        let output = folder.command(arguments).envs(environment).stdin(Stdio::null()).output().unwrap();
        said.push((format!("{arguments:?}"), outputs(&output)));
    };
    let backup = folder.path("backup.tar").display().to_string();
    let looks: [&[&str]; 22] = [
        &["check"],
        &["check", "--json"],
        &["serve"],
        &["run", "app/callback", "--vo", "{\"MessageSid\":\"x\"}"],
        &["messages", "list"],
        &["messages", "list", "--json"],
        &["notifications", "list", "--json"],
        &["notifications", "show", "1"],
        &["runs", "list", "--json"],
        &["runs", "show", "1", "--json"],
        &["explain", "20003"],
        &["--log-format", "json", "run", "app/callback", "--vo", "{\"MessageSid\":\"y\"}"],
        &["run", "app/killed"],
        &["run", "app/deep"],
        &["messages", "list", "--unmask"],
        &["messages", "report", "--by", "app", "--json"],
        &["notifications", "show", "1", "--json"],
        &["runs", "show", "1"],
        &["accounts", "list", "--json"],
        &["export", "+393331234567"],
        &["backup", &backup],
        &["simulator", "--listen", "192.0.2.1:0"],
    ];
    for arguments in &looks {
        look(arguments);
    }
    let log = host.said();
    // The databases as they are on the disk while the host works, with their logs, and afterwards.
    let bytes = || {
        let mut files = vec![folder.path("data/apps"), folder.path("data")];
        let mut found = Vec::new();
        while let Some(file) = files.pop() {
            if file.is_dir() {
                files.extend(std::fs::read_dir(&file).unwrap().flatten().map(|entry| entry.path()));
            } else if let Ok(bytes) = std::fs::read(&file) {
                found.push((file.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
            }
        }
        assert!(found.len() >= 2, "{:?}", found.len());
        found
    };
    said.extend(bytes());
    said.push(("the log".into(), log));
    let archive = std::fs::read(&backup).expect("a backup");
    let key = std::fs::read(folder.path("data/host.key")).expect("a key");
    for (name, file) in [
        ("the backup", archive.as_slice()),
        ("host.db", &std::fs::read(folder.path("data/host.db")).unwrap()),
    ] {
        assert!(!file.windows(key.len()).any(|part| part == key), "host.key is in {name}");
    }
    said.push(("the backup".into(), String::from_utf8_lossy(&archive).into_owned()));
    said.extend(processes(host.pid()));
    assert_eq!(host.terminate(), Some(0));
    said.extend(bytes());
    // What is wrong in the parameters is shown by its name, not by its value.
    let params = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    for (right, wrong) in [
        ("auth_key = \"", "auth_token = \""),
        ("api_key_secret = \"", "api_key_secre = \""),
        ("auth_key = \"canary-company-93d7\"", "auth_key = [\"canary-company-93d7\", \"\"]"),
        ("auth_key = \"canary-company-93d7\"", "auth_key = { value = \"canary-company-93d7\" }"),
        ("account_id = \"AC00000000000000000000000000000002\"", "account_id = \"canary-company-93d7\""),
        ("auth_key = \"canary-company-93d7\"", "auth_key = \"canary-company-93d7"),
        ("{ file = \"next\" }", "{ file = \"next/nothing\" }"),
    ] {
        let changed = params.replacen(right, wrong, 1);
        assert_ne!(changed, params);
        folder.write("app-params.toml", &changed);
        let output = folder.command(&["check"]).envs(environment).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{wrong}: {}", outputs(&output));
        if !wrong.starts_with("account_id") {
            said.push((format!("check of {wrong}"), outputs(&output)));
        }
    }
    // The search itself finds what is there, also within a header that names account and key.
    let header = BASE64_STANDARD.encode(format!("{ACCOUNT}:{AUTH}"));
    assert!(found(AUTH, &params).is_none() && found(API, &params).is_some());
    assert!(found(AUTH, &format!("Authorization: Basic {header}")).is_some());
    for (place, text) in &said {
        for secret in [AUTH, NEXT, API, COMPANY, GIVEN] {
            if let Some(at) = found(secret, text) {
                let before: Vec<char> = text[..at].chars().rev().take(200).collect();
                panic!("{secret} is in {place}, after: {}", before.into_iter().rev().collect::<String>());
            }
        }
    }
}

/// Where a secret is in a text: as it is, in hexadecimal, or in base64 at any place of a longer text.
fn found(secret: &str, text: &str) -> Option<usize> {
    let hex = secret.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    let base64 = (0..3).map(|offset| {
        let padded = [&vec![0; offset], secret.as_bytes()].concat();
        let encoded = BASE64_STANDARD_NO_PAD.encode(&padded);
        // The characters at the edges depend on what stands beside the secret.
        encoded[(offset * 8).div_ceil(6)..padded.len() * 8 / 6].to_owned()
    });
    let mut spellings = base64.chain([secret.to_owned(), hex]);
    spellings.find_map(|spelling| text.find(&spelling))
}

/// What the system shows of a host and its workers to whoever may look.
fn processes(host: u32) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    for pid in workers_of(host).into_iter().chain([host]) {
        for file in ["cmdline", "environ"] {
            let text = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
            seen.push((format!("{file} of {pid}"), String::from_utf8_lossy(&text).into_owned()));
        }
    }
    let environment = &seen.last().expect("the host's").1;
    assert!(
        environment.contains("AUTH=****") && environment.contains("BOATSWAIN_LOG=trace"),
        "{environment}"
    );
    seen
}

fn outputs(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}
