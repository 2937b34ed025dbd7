//! What an action returns that a message started goes back to the person who wrote, once; and a conversation runs in
//! the order in which it was written.

use boatswain::whatsapp::Form;
use serde_json::json;

use crate::host::{ACCOUNT, Folder, HostProcess, TOKEN, callback, runtime, sid};
use crate::twilio::{Taken, Twilio, account, token};

const ADA: &str = "whatsapp:+393331234567";
const SENDER: &str = "whatsapp:+14155238886";

/// Does what the message says, as JavaScript; its log line appears when that is committed.
const OBEY: &str = r#"
    console.log("ran " + vo.MessageSid);
    if ("reply" in utils || "reply" in globalThis) throw new Error("that is the host's own");
    utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :BODY, :FROM)");
    const replies = {
        text: "Ciao",
        picture: { body: "Eccola", mediaUrl: "https://example.com/menu.png" },
        template: { contentSid: "HX00000000000000000000000000000001", contentVariables: { 1: "Ada" } },
        promise: Promise.resolve("più tardi"),
        half: { body: "🙂".slice(0, 1) + "!" },
        undefined: undefined, null: null, empty: "", number: 7, list: ["Ciao"], boolean: false,
        other: { orderId: 7 }, deep: { body: "Ciao", more: Array.from({ length: 200 }).reduce((inner) => [inner], 0) }, blank: " ",
        unknown: { body: "Ciao", mediaURL: "https://example.com/a.png" },
        to: { to: "+393339999999", body: "Ciao" },
    };
    if (vo.Body === "set") return utils.setReturnValue("gesetzt");
    if (vo.Body === "change") { vo.From = "whatsapp:+393339999999"; vo.To = vo.From; vo.AccountSid = "AC1"; return "x"; }
    if (vo.Body === "echo" || vo.Body.startsWith("echo ")) return vo.Body;
    return replies[vo.Body];
"#;

fn folder(twilio: &Twilio, more: &str) -> Folder {
    twilio.accepts(ACCOUNT, vec![TOKEN.to_owned()]);
    let folder = Folder::new(
        "return 'a status is not replied to'",
        &format!("api_base_url = \"{}\"\nincoming_message = \"incoming\"\n{more}", twilio.url),
    );
    folder.write("scripts/app/incoming.js", OBEY);
    folder
}

fn message(n: u32, from: &str, body: &str) -> Form {
    let sid = sid(n);
    [
        ("AccountSid", ACCOUNT),
        ("Body", body),
        ("From", from),
        ("MessageSid", &sid),
        ("NumMedia", "0"),
        ("SmsStatus", "received"),
        ("To", SENDER),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into_iter()
    .collect()
}

fn post_to(host: &HostProcess, company: &str, form: &Form, key: &str) -> u16 {
    callback(&host.url, &host.url, &format!("/whatsapp/message/app/{company}"), form, key).status
}

fn write(host: &HostProcess, n: u32, from: &str, body: &str) {
    assert_eq!(post_to(host, "NODEFINED", &message(n, from, body), TOKEN), 200);
}

/// What a message that was taken says, without where it calls back.
fn said(taken: &Taken) -> serde_json::Value {
    let field = |name: &str| taken.form.get(name);
    json!({
        "to": field("To"), "from": field("From"), "body": field("Body"), "media": field("MediaUrl"),
        "template": field("ContentSid"), "variables": field("ContentVariables"),
    })
}

#[test]
fn a_returned_text_medium_or_template_is_sent_to_the_person_from_the_sender_that_was_written_to() {
    let twilio = Twilio::listen();
    let folder = folder(&twilio, "");
    let host = folder.serve();
    let bodies = ["text", "picture", "template", "promise", "set", "half", "change"];
    for (n, body) in (1..).zip(bodies) {
        write(&host, n, ADA, body);
    }
    host.wait_for(&format!("ran {}", sid(7)));
    assert_eq!(host.terminate(), Some(0));
    let reply = |body: Option<&str>| json!({ "to": ADA, "from": SENDER, "body": body, "media": null, "template": null, "variables": null });
    let mut wanted: Vec<_> = [Some("Ciao"), Some("Eccola"), None, Some("più tardi"), Some("gesetzt")]
        .into_iter()
        .chain([Some("\u{fffd}!"), Some("x")])
        .map(reply)
        .collect();
    wanted[1]["media"] = "https://example.com/menu.png".into();
    wanted[2]["template"] = "HX00000000000000000000000000000001".into();
    wanted[2]["variables"] = r#"{"1":"Ada"}"#.into();
    let taken = twilio.taken();
    assert_eq!(taken.iter().map(said).collect::<Vec<_>>(), wanted, "in the order of the conversation");
    assert!(taken.iter().all(|taken| {
        let url = taken.form.get("StatusCallback").unwrap();
        url.contains("/whatsapp/callback/app/NODEFINED?message=") && taken.account == ACCOUNT
    }));
    let sent = "SELECT count(*) FROM messages JOIN notifications n ON n.id = notification WHERE n.source = 'message'";
    assert_eq!(folder.count(sent), 7, "they stand in the ledger as messages of their runs");
    assert_eq!(folder.count("SELECT count(*) FROM runs WHERE result = 'Ciao' AND reason = 'completed'"), 1);
}

#[test]
fn what_is_no_reply_sends_nothing_and_what_may_have_been_meant_as_one_is_told() {
    let twilio = Twilio::listen();
    let folder = folder(&twilio, "");
    let host = folder.serve();
    for (n, body) in
        (1..).zip(["undefined", "null", "empty", "number", "list", "boolean", "other", "deep", "blank"])
    {
        write(&host, n, ADA, body);
    }
    host.wait_for("MESSAGE_EMPTY");
    let said = host.said();
    for what in ["the number 7", "an array", "the boolean false", "an object"] {
        assert!(said.contains(&format!("the action returned {what}, which is no reply")), "{what}: {said}");
    }
    assert_eq!(said.matches("which is no reply").count(), 5, "{said}");
    // A mistake in an object that is a reply is one of the script.
    write(&host, 11, "whatsapp:+393331234568", "unknown");
    host.wait_for("TypeError: reply: there is no member `mediaURL`: did you mean `mediaUrl`?");
    write(&host, 12, "whatsapp:+393331234569", "to");
    host.wait_for("TypeError: reply: there is no member `to`");
    assert_eq!(host.terminate(), Some(0));
    assert!(twilio.taken().is_empty());
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state = 'done'"), 9);

    // What a run by hand or a status returns is no reply.
    let vo = format!(r#"{{"Body":"text","From":"{ADA}","To":"{SENDER}","AccountSid":"{ACCOUNT}"}}"#);
    let output = folder.boatswain(&["run", "app/incoming", "--vo", &vo]);
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), "Ciao");
    assert!(twilio.taken().is_empty());
}

/// Kills the host at a point of the run, serves again, and says how many messages Twilio was given, and what the log says.
fn killed_at(failpoint: &str) -> (usize, String) {
    let twilio = Twilio::listen();
    let folder = folder(&twilio, "");
    let host = folder.serve_until(Some(failpoint));
    write(&host, 1, ADA, "text");
    host.wait_for(&format!("failpoint: {failpoint}"));
    host.kill();
    let host = folder.serve();
    // Another one of the conversation: once it has run, the first is over.
    write(&host, 2, ADA, "undefined");
    host.wait_for(&format!("ran {}", sid(2)));
    let said = host.end();
    assert_eq!(
        folder.texts("SELECT status FROM effects ORDER BY rowid"),
        ["text", "undefined"],
        "{failpoint}"
    );
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state = 'done'"), 2, "{failpoint}");
    (twilio.taken().len(), said)
}

#[test]
fn a_reply_is_sent_once_wherever_the_host_is_killed() {
    for failpoint in ["runs-claimed", "run-calls", "send-answered", "ends-decided", "ends-told"] {
        let (sent, said) = killed_at(failpoint);
        assert_eq!(sent, 1, "{failpoint}: {said}");
        assert!(!said.contains("the reply"), "{failpoint}: {said}");
    }
    // The intent is on the disk, and nobody knows whether it has left.
    for failpoint in ["runs-committed", "send-intended"] {
        let (sent, said) = killed_at(failpoint);
        assert_eq!(sent, 0, "{failpoint}: {said}");
        assert!(said.contains("the reply may not have been sent: SEND_IN_DOUBT"), "{failpoint}: {said}");
    }
}

#[test]
fn a_reply_that_cannot_be_sent_is_told_and_the_run_is_done() {
    let twilio = Twilio::listen();
    let folder = folder(&twilio, "");
    folder.write("scripts/app/incoming.js", "console.log('ran ' + vo.MessageSid); return 'Va bene';");
    let host = folder.serve();
    write(&host, 1, ADA, "stop");
    host.wait_for("the reply was not sent: RECIPIENT_OPTED_OUT");
    write(&host, 2, ADA, "START");
    host.wait_for(&format!("ran {}", sid(2)));
    write(&host, 3, "whatsapp:IT.13491208655302741918", "Ciao");
    host.wait_for("the reply was not sent: REPLY_NO_PHONE_NUMBER");
    twilio.accepts(ACCOUNT, vec!["another".to_owned()]);
    write(&host, 4, ADA, "Ciao");
    host.wait_for("the reply was not sent: 20003");
    assert!(!host.said().contains("393331234567"), "{}", host.said());
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(twilio.taken().len(), 1, "to START");
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state = 'done' AND attempts = 1"), 4);
    assert_eq!(folder.count("SELECT count(*) FROM runs WHERE log LIKE '%error\tthe reply was not sent%'"), 3);
}

#[test]
fn a_reply_that_may_leave_later_fails_its_attempt_and_the_next_one_sends_it_once() {
    let twilio = Twilio::listen();
    let folder = folder(&twilio, "");
    twilio.is_busy(1);
    let host = folder.serve();
    write(&host, 1, ADA, "text");
    write(&host, 2, ADA, "echo");
    host.wait_for("the reply was not sent: 20429: Too Many Requests");
    host.wait_for(&format!("ran {}", sid(2)));
    // What an admin has paused waits too.
    let output = folder.boatswain(&["pause", "app", "--reason", "holiday"]);
    assert!(output.status.success(), "{output:?}");
    write(&host, 3, ADA, "echo later");
    host.wait_for("the reply was not sent: SENDING_PAUSED: sending is paused by an admin (holiday)");
    assert!(folder.boatswain(&["resume", "app"]).status.success());
    host.wait_for_many(&format!("ran {}", sid(3)), 2);
    assert!(!host.said().contains("393331234567"), "{}", host.said());
    assert_eq!(host.terminate(), Some(0));
    let replies: Vec<_> = twilio.taken().iter().map(|taken| said(taken)["body"].clone()).collect();
    assert_eq!(replies, ["Ciao", "echo", "echo later"], "the conversation has waited");
    assert_eq!(
        folder.texts("SELECT status FROM effects ORDER BY rowid"),
        ["text", "echo", "echo later"],
        "and what was written before is written once"
    );
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state = 'done' AND attempts > 1"), 2);
    let told = |status: &str| folder.count(&format!("SELECT count(*) FROM messages WHERE {status}"));
    assert_eq!((told("status = 'queued'"), told("status <> 'queued'")), (3, 1));
    assert_eq!(told("status = 'failed' AND error_code = '20429'"), 1, "the ledger keeps what Twilio refused");
}

#[test]
fn a_company_replies_with_the_account_that_its_message_came_by() {
    let twilio = Twilio::listen();
    for number in [2, 3] {
        twilio.accepts(&account(number), vec![token(number, 0)]);
    }
    let (acme, acme_key) = (account(2), token(2, 0));
    let folder = folder(
        &twilio,
        &format!(
            "[applications.app.companies.ACME.WHATSAPP]\naccount_id = \"{acme}\"\nauth_key = \"{acme_key}\""
        ),
    );
    folder.write(
        "scripts/app/bring.js",
        &format!(
            "return utils.whatsapp.send({{ to: '+393331234567', body: 'Ciao', from: '+14155550103', accountId: '{}', \
             secretKey: '{}' }}).status",
            account(3),
            token(3, 0)
        ),
    );
    let host = folder.serve();
    let mut n = 0;
    let mut reply_of = |company: &str, by: &str, key: &str, to: &str| {
        n += 1;
        let mut form = message(n, ADA, "echo");
        form.push("AccountSid", by);
        form.push("To", to);
        let status = post_to(&host, company, &form, key);
        if status == 200 {
            host.wait_for(&format!("ran {}", sid(n)));
        }
        (status, twilio.taken().last().map(|taken| (taken.account.clone(), said(taken)["from"].clone())))
    };
    let to = "whatsapp:+14155550102";
    assert_eq!(reply_of("ACME", &acme, &acme_key, to), (200, Some((acme.clone(), to.into()))));
    assert_eq!(reply_of("ACME", ACCOUNT, TOKEN, SENDER), (200, Some((ACCOUNT.into(), SENDER.into()))));
    let callbacks: Vec<_> =
        twilio.taken().iter().map(|taken| taken.form.get("StatusCallback").unwrap().to_owned()).collect();
    assert!(callbacks.iter().all(|url| url.contains("/whatsapp/callback/app/ACME?")), "{callbacks:?}");
    // Another company's key signs nothing here, and a key that nobody has brought along neither.
    assert_eq!(reply_of("OTHER", &acme, &acme_key, to).0, 403);
    assert_eq!(reply_of("OTHER", &account(3), &token(3, 0), to).0, 403);
    let brought = folder.boatswain(&["run", "app/bring", "--company", "OTHER"]);
    assert_eq!(String::from_utf8_lossy(&brought.stdout).trim(), "queued");
    assert_eq!(reply_of("OTHER", &account(3), &token(3, 0), to), (200, Some((account(3), to.into()))));
    assert_eq!(host.terminate(), Some(0));

    // A key that is forgotten between the message and its run.
    let host = folder.serve_until(Some("runs-claimed"));
    let mut form = message(90, ADA, "echo");
    form.push("AccountSid", account(3));
    assert_eq!(post_to(&host, "OTHER", &form, &token(3, 0)), 200);
    host.wait_for("failpoint: runs-claimed");
    host.kill();
    let output = folder.boatswain(&["accounts", "remove", &account(3), "--app", "app", "--company", "OTHER"]);
    assert!(output.status.success(), "{output:?}");
    let host = folder.serve();
    host.wait_for("the reply was not sent: REPLY_ACCOUNT_UNKNOWN");
    assert_eq!(host.terminate(), Some(0));
}

/// Fails in its first run.
const STUMBLE: &str = r#"
    utils.executeSql("INSERT INTO effects VALUES ('attempt', :BODY, '')", null, true, true);
    const [{ n }] = JSON.parse(utils.executeQuery("SELECT count(*) AS n FROM effects WHERE sid = 'attempt'"));
    if (vo.Body === "one" && n === 1) throw new Error("stumbles");
    utils.executeSql("INSERT INTO effects VALUES ('ran', :BODY, :FROM)");
    console.log("ran " + vo.MessageSid);
    return vo.Body;
"#;

#[test]
fn a_message_that_fails_holds_back_what_the_person_writes_after_it_and_nobody_else() {
    let twilio = Twilio::listen();
    let folder = folder(&twilio, "");
    folder.write("scripts/app/incoming.js", STUMBLE);
    let host = folder.serve();
    for (n, body) in (1..).zip(["one", "two", "three"]) {
        write(&host, n, ADA, body);
    }
    write(&host, 4, "whatsapp:+393331234568", "other");
    host.wait_for(&format!("ran {}", sid(3)));
    assert_eq!(host.terminate(), Some(0));
    let ran = folder.texts("SELECT status FROM effects WHERE sid = 'ran' ORDER BY rowid");
    assert_eq!(ran, ["other", "one", "two", "three"]);
    let replies: Vec<_> = twilio.taken().iter().map(|taken| said(taken)["body"].clone()).collect();
    assert_eq!(replies, ["other", "one", "two", "three"]);
}

#[test]
fn the_order_holds_over_a_kill_and_what_came_before_it() {
    let twilio = Twilio::listen();
    let folder = folder(&twilio, "");
    let host = folder.serve_until(Some("run-calls"));
    for n in 1..=80 {
        write(&host, n, ADA, &format!("echo {n}"));
    }
    host.kill();
    let host = folder.serve();
    for n in 81..=90 {
        write(&host, n, ADA, &format!("echo {n}"));
    }
    host.wait_for(&format!("ran {}", sid(90)));
    assert_eq!(host.terminate(), Some(0));
    let bodies: Vec<_> = (1..=90).map(|n| format!("echo {n}")).collect();
    assert_eq!(folder.texts("SELECT status FROM effects ORDER BY rowid"), bodies);
    let replies: Vec<_> =
        twilio.taken().iter().map(|taken| taken.form.get("Body").unwrap().to_owned()).collect();
    assert_eq!(replies, bodies);
}

#[test]
fn a_hundred_conversations_at_once_are_each_in_order() {
    const PEOPLE: u32 = 100;
    const MESSAGES: u32 = 3;
    let twilio = Twilio::listen();
    let folder = folder(&twilio, "");
    let host = folder.serve();
    let url = format!("{}/whatsapp/message/app/NODEFINED", host.url);
    let person = |person: u32| format!("whatsapp:+39333123{person:04}");
    runtime().block_on(async {
        let mut people = tokio::task::JoinSet::new();
        for one in 0..PEOPLE {
            let (url, from) = (url.clone(), person(one));
            people.spawn(async move {
                let client = crate::host::client();
                for number in 0..MESSAGES {
                    let form = message(1 + number * PEOPLE + one, &from, &format!("echo {number}"));
                    assert_eq!(crate::host::post(&client, &url, &form).await.unwrap(), 200);
                }
            });
        }
        people.join_all().await;
    });
    host.wait_for_many("ran SM", usize::try_from(PEOPLE * MESSAGES).unwrap());
    assert_eq!(host.terminate(), Some(0));
    let taken = twilio.taken();
    let bodies: Vec<_> = (0..MESSAGES).map(|number| format!("echo {number}")).collect();
    for one in (0..PEOPLE).map(person) {
        let to_him = taken.iter().filter(|taken| taken.form.get("To") == Some(&*one));
        let replies: Vec<_> = to_him.map(|taken| taken.form.get("Body").unwrap()).collect();
        assert_eq!(replies, bodies, "{one}");
        let ran = folder.texts(&format!("SELECT status FROM effects WHERE note = '{one}' ORDER BY rowid"));
        assert_eq!(ran, bodies, "{one}");
    }
}

#[test]
fn the_demo_answers_and_shows_a_picture_when_it_is_asked_for_one() {
    const PICTURE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/public/demo/order-confirmation.png");
    let twilio = Twilio::listen();
    let folder = folder(&twilio, "[applications.app.parameters]\nshop_name = \"Bottega Aurora\"");
    folder.write("scripts/app/incoming.js", include_str!("../../scripts/demo/onWhatsappMessage.js"));
    folder.write(
        "scripts/app/migrations/002.sql",
        include_str!("../../scripts/demo/migrations/002_conversations.sql"),
    );
    folder.write("public/app/keep", "");
    std::fs::copy(PICTURE, folder.path("public/app/order-confirmation.png")).unwrap();
    let host = folder.serve();
    let (tell, asked) = std::sync::mpsc::channel();
    twilio.before_answers(move |_| {
        tell.send(()).unwrap();
        Vec::new()
    });
    let picture = format!("{}/public/app/order-confirmation.png", host.url);
    write(&host, 1, ADA, "Hello");
    write(&host, 2, ADA, "A picture, please");
    let mut form = message(3, ADA, "");
    form.push("NumMedia", "1");
    form.push("MediaUrl0", "https://api.twilio.com/m");
    form.push("ProfileName", "Ada");
    assert_eq!(post_to(&host, "NODEFINED", &form, TOKEN), 200);
    for _ in 0..3 {
        asked.recv().unwrap();
    }
    assert_eq!(host.terminate(), Some(0));
    let replies: Vec<_> = twilio.taken().iter().map(said).collect();
    let ask = "Write \"picture\" to see how we confirm an order.\nBottega Aurora";
    assert_eq!(replies[0]["body"], format!("Hello there, thank you for writing to us. {ask}"));
    assert_eq!((&replies[1]["media"], replies.len()), (&json!(picture), 3));
    assert_eq!(replies[2]["body"], format!("Hello Ada, thank you, it has arrived. {ask}"));
    assert_eq!(
        folder.texts("SELECT body FROM conversations ORDER BY rowid")[..2],
        ["Hello", "A picture, please"]
    );
}
