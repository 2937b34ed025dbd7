//! What people write to a sender is kept like a callback, runs its action once, and STOP is heard.

use boatswain::whatsapp::Form;

use crate::host::{ACCOUNT, Answer, Folder, HostProcess, TOKEN, callback, client, runtime, sid};

const PATH: &str = "/whatsapp/message/app/ACME";
const KEEP: &str = r#"
    utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :BODY, ?)", null, false, true,
        [vo.companyId, vo.From, vo.ProfileName, reqParams.actionId].join(" "));
    console.log("effect of " + vo.MessageSid);
"#;

fn folder() -> Folder {
    let folder = Folder::new("console.log('status ' + vo.MessageStatus)", "incoming_message = 'incoming'");
    folder.write("scripts/app/incoming.js", KEEP);
    folder.write("scripts/app/send.js", "return utils.whatsapp.send({ to: vo.to, body: 'Ciao' }).errorCode");
    folder
}

/// The fields that Twilio documents for an incoming message
/// (<https://www.twilio.com/docs/messaging/guides/webhook-request>).
fn message(n: u32, body: &str) -> Form {
    let sid = sid(n);
    [
        ("AccountSid", ACCOUNT),
        ("ApiVersion", "2010-04-01"),
        ("Body", body),
        ("From", "whatsapp:+393331234567"),
        ("MessageSid", &sid),
        ("NumMedia", "0"),
        ("NumSegments", "1"),
        ("ProfileName", "Anna"),
        ("SmsMessageSid", &sid),
        ("SmsSid", &sid),
        ("SmsStatus", "received"),
        ("To", "whatsapp:+14155238886"),
        ("WaId", "393331234567"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into_iter()
    .collect()
}

fn post(host: &HostProcess, form: &Form, token: &str) -> Answer {
    callback(&host.url, &host.url, PATH, form, token)
}

#[test]
fn a_message_runs_its_action_once_and_the_answer_asks_for_nothing() {
    let folder = folder();
    let host = folder.serve();
    let answer = post(&host, &message(1, "Ciao & grazie"), TOKEN);
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/xml"));
    assert_eq!(answer.text(), r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"#);
    host.wait_for("effect of");
    assert_eq!(post(&host, &message(1, "Ciao & grazie"), TOKEN).status, 200, "once more");
    assert_eq!(post(&host, &message(2, "a forgery"), "another token").status, 403);
    assert_eq!(post(&host, &message(3, "Ancora"), TOKEN).status, 200);
    host.wait_for(&format!("effect of {}", sid(3)));
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.texts("SELECT status FROM effects ORDER BY sid"), ["Ciao & grazie", "Ancora"]);
    let note = "ACME whatsapp:+393331234567 Anna incoming";
    assert_eq!(folder.texts("SELECT note FROM effects ORDER BY sid"), [note, note]);
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE source = 'message'"), 2);
}

#[test]
fn an_action_sees_what_came_with_types_and_binds_it_in_sql() {
    let folder = folder();
    folder.write(
        "scripts/app/incoming.js",
        r#"
        utils.executeSql("INSERT INTO effects VALUES (:PHONE_NUMBER, :NUM_MEDIA, :media || coalesce(:LOCATION, 'nowhere'))");
        const { phoneNumber, profileName, media, location, button, NumMedia, companyId } = vo;
        console.log("effect " + JSON.stringify([phoneNumber, profileName, media, location, button, NumMedia, companyId]));
        "#,
    );
    let host = folder.serve();
    let mut form = message(1, "");
    for (name, value) in [
        ("From", "whatsapp:+5215512345678"),
        ("NumMedia", "1"),
        ("MediaUrl0", "https://api.twilio.com/m"),
        ("MediaContentType0", "image/jpeg"),
        ("ButtonPayload", "yes"),
    ] {
        form.push(name, value);
    }
    assert_eq!(post(&host, &form, TOKEN).status, 200);
    let line = host.wait_for("effect ");
    let wanted = r#"["+525512345678","Anna",[{"url":"https://api.twilio.com/m","contentType":"image/jpeg"}],null,{"text":null,"payload":"yes"},"1","ACME"]"#;
    assert!(line.contains(wanted), "{line}");
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.texts("SELECT sid || status FROM effects"), ["+5255123456781"]);
    let media = r#"[{"url":"https://api.twilio.com/m","contentType":"image/jpeg"}]nowhere"#;
    assert_eq!(folder.texts("SELECT note FROM effects"), [media]);
}

#[test]
fn a_message_that_was_acknowledged_before_a_kill_runs_after_it() {
    let folder = folder();
    let host = folder.serve_until(Some("runs-claimed"));
    assert_eq!(post(&host, &message(1, "Ciao"), TOKEN).status, 200);
    host.kill();
    let host = folder.serve();
    host.wait_for("effect of");
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.texts("SELECT status FROM effects"), ["Ciao"]);
}

#[test]
fn who_writes_stop_is_not_written_to_until_he_writes_start() {
    let folder = folder();
    let host = folder.serve();
    let send = |company: &str| {
        let output =
            folder.boatswain(&["run", "app/send", "--company", company, "--vo", r#"{"to":"+393331234567"}"#]);
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(send("ACME"), "null");
    assert_eq!(post(&host, &message(1, " Stop."), TOKEN).status, 200);
    assert_eq!((send("ACME"), send("OTHER")), ("RECIPIENT_OPTED_OUT".into(), "null".into()));
    assert_eq!(post(&host, &message(2, "Don't stop!"), TOKEN).status, 200);
    assert_eq!(send("ACME"), "RECIPIENT_OPTED_OUT");
    assert_eq!(post(&host, &message(3, "START"), TOKEN).status, 200);
    assert_eq!(send("ACME"), "null");
    assert_eq!(host.terminate(), Some(0));
}

/// WhatsApp names people in Mexico with a 1 that their numbers do not have any more.
#[test]
fn who_writes_stop_from_mexico_is_heard() {
    let folder = folder();
    let host = folder.serve();
    let mut form = message(1, "STOP");
    form.push("From", "whatsapp:+5215512345678");
    assert_eq!(post(&host, &form, TOKEN).status, 200);
    let output =
        folder.boatswain(&["run", "app/send", "--company", "ACME", "--vo", r#"{"to":"+525512345678"}"#]);
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "RECIPIENT_OPTED_OUT");
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn without_an_action_a_message_is_kept_and_acknowledged() {
    let folder = Folder::new("", "");
    let host = folder.serve();
    let answer = post(&host, &message(1, "STOP"), TOKEN);
    assert_eq!(answer.status, 200);
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state = 'done'"), 1);
    assert_eq!(folder.count("SELECT count(*) FROM opt_outs"), 1);
}

/// Nobody says where to: the simulator knows the host's address for each sender from the parameters.
#[test]
fn what_is_written_in_the_simulator_reaches_the_application_once() {
    let folder = folder();
    let host = folder.serve();
    let said = host.wait_for("simulator ");
    let simulator = said.split_whitespace().last().unwrap().trim_end_matches('/').to_owned();
    let told: serde_json::Value = runtime().block_on(async {
        let written = serde_json::json!({
            "from": "+393331234567", "to": "+14155238886", "body": "Ciao", "profile_name": "Anna", "copies": 3,
        });
        let request = client().post(format!("{simulator}/simulator/incoming")).json(&written);
        request.send().await.unwrap().json().await.unwrap()
    });
    let answer =
        serde_json::json!({ "status": 200, "body": r#"<?xml version="1.0" encoding="UTF-8"?><Response/>"# });
    assert_eq!(told["answers"], serde_json::json!([answer, answer, answer]), "{told}");
    assert_eq!(told["replies"], serde_json::json!([]));
    host.wait_for(&format!("effect of {}", told["sid"].as_str().unwrap()));
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.texts("SELECT note FROM effects"), ["NODEFINED whatsapp:+393331234567 Anna incoming"]);
}
