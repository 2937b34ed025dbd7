//! What the host keeps of messages can be found, counted, handed out and forgotten.

use serde_json::{Value, json};

use crate::host::{ACCOUNT, Folder, HostProcess, TOKEN, callback, form, sid};

const PATH: &str = "/whatsapp/callback/app/NODEFINED";
const NUMBER: &str = "+393331234567";
const DIGITS: &str = "393331234567";
const OTHER: &str = "+393351234567";
/// Logs the number that it is told of; fails for ever where it is told so, after it has sent in one case.
const CALLBACK: &str = r#"
    if (vo.MessageStatus === "sends") utils.whatsapp.send({ to: vo.To, body: "Ciao" });
    if (vo.MessageStatus.endsWith("s")) throw new Error("not for " + vo.To);
    console.log("effect " + vo.MessageStatus + " of " + vo.To);
    return vo.To;
"#;
const SEND: &str = r#"
    console.log("to", vo.to);
    return utils.whatsapp.send({ to: vo.to, body: vo.body ?? "Ciao", companyId: vo.company });
"#;

fn folder() -> Folder {
    let other = format!(
        "[applications.other.WHATSAPP]\nenvironment = \"simulator\"\naccount_id = \"{ACCOUNT}\"\n\
         auth_key = \"{TOKEN}\"\nfrom_phone_number = \"+14155238886\""
    );
    let folder = Folder::new(CALLBACK, &other);
    folder.write("scripts/app/send.js", SEND);
    folder.write("scripts/other/look.js", "return utils.getWhatsappMessage(vo.sid);");
    folder
}

/// What a command says on stdout and stderr, and its exit status.
fn said(folder: &Folder, arguments: &[&str]) -> (String, String, i32) {
    let output = folder.boatswain(arguments);
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code().unwrap())
}

#[track_caller]
fn done(folder: &Folder, arguments: &[&str]) -> String {
    let (stdout, stderr, status) = said(folder, arguments);
    assert_eq!(status, 0, "{arguments:?}: {stdout}{stderr}");
    stdout
}

#[track_caller]
fn rows(folder: &Folder, arguments: &[&str]) -> Vec<Value> {
    let arguments: Vec<_> = arguments.iter().copied().chain(["--json"]).collect();
    done(folder, &arguments).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A message, when its three notifications have had their effect.
fn send(folder: &Folder, vo: &Value) -> Value {
    let outcome: Value =
        serde_json::from_str(&done(folder, &["run", "app/send", "--vo", &vo.to_string()])).unwrap();
    assert_eq!(outcome["success"], true, "{outcome}");
    outcome
}

fn served() -> (Folder, HostProcess) {
    let folder = folder();
    let host = folder.serve();
    send(&folder, &json!({ "to": NUMBER, "company": "ACME" }));
    send(&folder, &json!({ "to": OTHER }));
    send(&folder, &json!({ "to": OTHER, "company": "ACME", "body": format!("call {NUMBER}") }));
    host.wait_for_many("effect read", 3);
    (folder, host)
}

/// Where the number stands in the databases as they are on the disk.
fn files_that_hold(folder: &Folder, digits: &str) -> Vec<String> {
    let names = ["host.db", "host.db-wal", "apps/app.db", "apps/app.db-wal"];
    let holds = |name: &&str| {
        let bytes = std::fs::read(folder.path("data").join(name)).unwrap_or_default();
        bytes.windows(digits.len()).any(|some| some == digits.as_bytes())
    };
    names.into_iter().filter(holds).map(str::to_owned).collect()
}

#[test]
fn messages_are_found_by_every_filter_and_recipients_are_masked() {
    let (folder, host) = served();
    let look = || {
        let count = |filter: &[&str]| {
            let arguments: Vec<_> = ["messages", "list"].iter().chain(filter).copied().collect();
            rows(&folder, &arguments).len()
        };
        assert_eq!(count(&[]), 3);
        assert_eq!(count(&["--to", "whatsapp:+39 333 123-4567"]), 1);
        assert_eq!(count(&["--to", OTHER, "--company", "ACME"]), 1);
        assert_eq!(count(&["--app", "app", "--status", "read"]), 3);
        assert_eq!(count(&["--app", "other"]), 0);
        assert_eq!(count(&["--since", "1h"]), 3);
        assert_eq!(count(&["--until", "1h"]), 0);
        assert_eq!(count(&["--since", "2020-01-01", "--until", "2020-12-31T23:59:59Z"]), 0);
        assert_eq!(count(&["--since", "1h", "--limit", "2"]), 2);
        assert_eq!(rows(&folder, &["notifications", "list", "--since", "1h"]).len(), 9);
        assert_eq!(rows(&folder, &["runs", "list", "--until", "1h"]).len(), 0);

        let sid = rows(&folder, &["messages", "list", "--to", NUMBER])[0]["sid"].clone();
        let sid = sid.as_str().unwrap();
        let mut hidden = vec![done(&folder, &["messages", "list"])];
        hidden.push(done(&folder, &["messages", "list", "--json"]));
        hidden.push(done(&folder, &["messages", "show", sid]));
        hidden.push(done(&folder, &["messages", "show", sid, "--json"]));
        hidden.push(done(&folder, &["notifications", "show", "1"]));
        hidden.push(done(&folder, &["notifications", "show", "1", "--json"]));
        for text in hidden {
            assert!(!text.contains("1234567"), "{text}");
            assert!(text.contains("+39…67"), "{text}");
        }
        for shown in ["--unmask", "--unmasked", "--recipients"] {
            assert!(done(&folder, &["messages", "list", shown]).contains(NUMBER), "{shown}");
            assert!(done(&folder, &["messages", "show", sid, shown]).contains(NUMBER), "{shown}");
        }
        assert!(done(&folder, &["notifications", "show", "1", "--unmask"]).contains("1234567"));
        assert!(
            done(&folder, &["notifications", "show", "1"]).contains("+14155238886"),
            "the sender is ours"
        );

        let message = &rows(&folder, &["messages", "show", sid])[0];
        let history: Vec<_> = message["history"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| {
                format!("{} {}", entry["source"].as_str().unwrap(), entry["status"].as_str().unwrap())
            })
            .collect();
        let expected =
            ["host sending", "answer queued", "callback sent", "callback delivered", "callback read"];
        assert_eq!(history, expected);
        assert!(message["twilioLog"].as_str().unwrap().ends_with(&format!("/console/sms/logs/{sid}")));
        assert_eq!((&message["template"], &message["price"]), (&Value::Null, &Value::Null));
        assert!(message["contentHash"].is_string() && message.get("body").is_none(), "{message}");
    };
    look();
    assert_eq!(host.terminate(), Some(0));
    look();
    let db = rusqlite::Connection::open(folder.path("data/host.db")).unwrap();
    let doubt = "UPDATE messages SET status = 'unknown', sid = NULL WHERE recipient = ?";
    db.execute(doubt, [NUMBER]).unwrap();
    let id = rows(&folder, &["messages", "list", "--to", NUMBER])[0]["id"].as_str().unwrap().to_owned();
    let settled = &rows(&folder, &["messages", "settle", &id, "--not-sent"])[0];
    assert_eq!((&settled["to"], &settled["status"]), (&json!("+39…67"), &json!("failed")));
    assert_eq!(settled["history"].as_array().unwrap().last().unwrap()["errorCode"], "SETTLED_NOT_SENT");
    for bad in [["--to", "3331234567"], ["--to", "nobody"], ["--since", "soon"], ["--until", "2026-02-30"]] {
        let (_, stderr, status) = said(&folder, &["messages", "list", bad[0], bad[1]]);
        assert!(status == 2 && stderr.contains("error[USAGE]"), "{bad:?}: {stderr}");
    }
}

#[test]
fn a_report_counts_and_adds_up() {
    let (folder, host) = served();
    let report = || {
        let month = rows(&folder, &["messages", "list"])[0]["createdAt"].as_str().unwrap()[..7].to_owned();
        assert_eq!(
            rows(&folder, &["messages", "report", "--by", "company,month"]),
            [("ACME", 2), ("NODEFINED", 1)].map(|(company, count)| json!({ "company": company, "month": month,
                "messages": count, "delivered": count, "read": count, "failed": 0, "unknown": 0, "cost": {} }))
        );
        assert_eq!(
            done(&folder, &["messages", "report", "--by", "country,status", "--csv"]),
            "country,status,messages,delivered,read,failed,unknown\r\nIT,read,3,3,3,0,0\r\n"
        );
        assert!(done(&folder, &["messages", "report"]).contains("NODEFINED"));
        assert_eq!(rows(&folder, &["messages", "report", "--until", "1h"]), [json!(null); 0]);
    };
    report();
    assert_eq!(host.terminate(), Some(0));
    report();
    let db = rusqlite::Connection::open(folder.path("data/host.db")).unwrap();
    db.execute("UPDATE messages SET price = '-0.0075', price_unit = 'USD', company = '=x'", []).unwrap();
    assert_eq!(
        done(&folder, &["messages", "report", "--by", "company", "--csv", "--since", "1h", "--app", "app"]),
        "company,messages,delivered,read,failed,unknown,cost_USD\r\n'=x,3,3,3,0,0,0.0225\r\n"
    );
    assert_eq!(rows(&folder, &["messages", "report", "--by", "app"])[0]["cost"], json!({ "USD": "0.0225" }));
    assert_eq!(said(&folder, &["messages", "report", "--by", "week"]).2, 2);
}

#[test]
fn what_is_kept_about_a_person_is_handed_out_whole() {
    let (folder, host) = served();
    let exported = || -> Value { serde_json::from_str(&done(&folder, &["export", NUMBER])).unwrap() };
    let through_host = exported();
    assert_eq!(host.terminate(), Some(0));
    let db = rusqlite::Connection::open(folder.path("data/host.db")).unwrap();
    assert_eq!(exported(), through_host);
    db.execute("INSERT INTO opt_outs VALUES ('app', 'ACME', ?, 1, 'STOP')", [NUMBER]).unwrap();
    let document = exported();
    assert_eq!(document["number"], NUMBER);
    assert_eq!(document["messages"].as_array().unwrap().len(), 1);
    assert_eq!(document["messages"][0]["history"].as_array().unwrap().len(), 5);
    let notifications = document["notifications"].as_array().unwrap();
    assert_eq!(notifications.len(), 3);
    for notification in notifications {
        assert_eq!(notification["form"]["To"], format!("whatsapp:{NUMBER}"));
        assert!(notification["run"]["log"].as_str().unwrap().contains(NUMBER), "{notification}");
    }
    assert_eq!(document["otherRuns"][0]["actionId"], "send");
    assert_eq!(document["optOuts"][0]["companyId"], "ACME");
    assert_eq!(done(&folder, &["export", NUMBER, "--json"]).lines().count(), 1);
    assert!(!document.to_string().contains(OTHER), "nobody else's");
}

/// What is left of the number's messages and notifications.
fn is_forgotten(folder: &Folder) {
    assert_eq!(files_that_hold(folder, DIGITS), [""; 0]);
    assert_eq!(folder.count("SELECT count(*) FROM messages WHERE recipient = 'forgotten'"), 1);
    assert_eq!(folder.count("SELECT count(*) FROM messages"), 3, "the rows stay for the accounts");
    assert_eq!(folder.count("SELECT count(*) FROM notifications WHERE state = 'done'"), 9);
    let forgotten = rows(folder, &["messages", "list", "--company", "ACME"]).pop().unwrap();
    assert_eq!((&forgotten["to"], &forgotten["status"]), (&json!("forgotten"), &json!("read")));
    assert_eq!((&forgotten["contentHash"], &forgotten["nextPollAt"]), (&Value::Null, &Value::Null));
    let shown = &rows(folder, &["messages", "show", forgotten["id"].as_str().unwrap()])[0];
    assert_eq!(shown["history"].as_array().unwrap().len(), 5);
    let notification = shown["notifications"][0]["id"].to_string();
    let form = rows(folder, &["notifications", "show", &notification])[0]["form"].clone();
    assert_eq!(form["MessageSid"], forgotten["sid"]);
    assert!(form.get("To").is_none() && form.get("From").is_none(), "{form}");
    // Others' are untouched.
    let others = rows(folder, &["messages", "list", "--to", OTHER]);
    assert_eq!(others.len(), 2);
    assert!(others.iter().all(|row| row["contentHash"].is_string()));
    assert_eq!(folder.count("SELECT count(*) FROM runs WHERE log LIKE '%+393351234567%'"), 8);
    let (stdout, _, status) = said(folder, &["forget", NUMBER]);
    assert!(status == 0 && stdout.starts_with("0 messages"), "once more: {stdout}");
}

#[test]
fn a_running_host_forgets_a_person() {
    let (folder, host) = served();
    assert!(files_that_hold(&folder, DIGITS).iter().any(|name| name.starts_with("host.db")));
    let (stdout, stderr, status) = said(&folder, &["forget", NUMBER, "--dry-run"]);
    assert!(status == 0 && stdout.contains("1 messages"), "{stdout}{stderr}");
    assert_eq!(rows(&folder, &["messages", "list", "--to", NUMBER]).len(), 1, "only told");
    let (stdout, stderr, status) = said(&folder, &["forget", NUMBER]);
    assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
    is_forgotten(&folder);
    // The host goes on: a late callback of a forgotten message is taken and runs.
    let sent = &rows(&folder, &["messages", "list", "--company", "ACME"])[1];
    let late = form(sent["sid"].as_str().unwrap(), "late");
    assert_eq!(callback(&host.url, &host.url, PATH, &late, TOKEN).status, 204);
    host.wait_for("effect late");
    assert_eq!(done(&folder, &["forget", NUMBER]).lines().nth(1).unwrap().split(' ').next(), Some("1"));
    assert_eq!(files_that_hold(&folder, DIGITS), [""; 0]);
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(files_that_hold(&folder, DIGITS), [""; 0]);
}

#[test]
fn without_a_host_a_person_is_forgotten_too() {
    let (folder, host) = served();
    assert_eq!(host.terminate(), Some(0));
    let db = rusqlite::Connection::open(folder.path("data/host.db")).unwrap();
    db.execute("INSERT INTO opt_outs VALUES ('app', 'ACME', ?, 1, 'STOP')", [NUMBER]).unwrap();
    drop(db);
    let (stdout, _, status) = said(&folder, &["forget", NUMBER]);
    assert!(stdout.contains("opt-outs remove"), "{stdout}");
    assert_eq!(status, 0, "that the opt-out stays is no reason to repeat it");
    assert_eq!(files_that_hold(&folder, DIGITS), ["host.db"]);
    let db = rusqlite::Connection::open(folder.path("data/host.db")).unwrap();
    db.execute("DELETE FROM opt_outs", []).unwrap();
    drop(db);
    done(&folder, &["forget", NUMBER]);
    is_forgotten(&folder);
    let (_, stderr, status) = said(&folder, &["forget", "+14155238886"]);
    assert!(status == 1 && stderr.contains("error[OWN_SENDER]"), "{stderr}");
}

#[test]
fn what_waits_is_left_alone_and_what_was_given_up_is_never_replayed() {
    let folder = folder();
    let host = folder.serve();
    assert_eq!(callback(&host.url, &host.url, PATH, &form(&sid(1), "sends"), TOKEN).status, 204);
    assert_eq!(callback(&host.url, &host.url, PATH, &form(&sid(2), "fails"), TOKEN).status, 204);
    let tried = || {
        let waiting = rows(&folder, &["notifications", "list", "--status", "waiting"]);
        waiting.iter().filter(|row| row["attempts"].as_i64() >= Some(1)).count()
    };
    while tried() < 2 {}
    host.wait_for_many("effect read", 1);
    let (stdout, stderr, status) = said(&folder, &["forget", NUMBER]);
    assert_eq!(status, 1, "{stdout}");
    assert!(
        stderr.contains("error[NOT_FORGOTTEN]: 2 notifications") && stderr.contains("1 messages"),
        "{stderr}"
    );
    assert_eq!(
        rows(&folder, &["messages", "list", "--to", NUMBER]).len(),
        1,
        "its run may ask what became of it"
    );
    assert_eq!(host.terminate(), Some(0));

    let db = rusqlite::Connection::open(folder.path("data/host.db")).unwrap();
    // As the host itself writes: without it, the rows that change here leave copies that only a new file gets rid of.
    db.pragma_update(None, "secure_delete", "ON").unwrap();
    db.execute("UPDATE notifications SET state = 'dead', next_attempt_at = NULL WHERE state = 'waiting'", [])
        .unwrap();
    drop(db);
    assert_eq!(folder.texts("SELECT count(*) || '' FROM _host_journal WHERE call = 0"), ["1"]);
    assert!(!files_that_hold(&folder, DIGITS).is_empty());
    let host = folder.serve();
    assert!(done(&folder, &["forget", NUMBER]).contains("2 dead notifications given up for good"));
    assert_eq!(folder.texts("SELECT count(*) || '' FROM _host_journal"), ["0"]);
    assert_eq!(files_that_hold(&folder, DIGITS), [""; 0]);
    let (_, stderr, status) = said(&folder, &["notifications", "replay", "1"]);
    assert!(status == 1 && stderr.contains("NOT_DEAD"), "{stderr}");
    assert_eq!(host.terminate(), Some(0));
}

/// The journal of a run that has sent is deleted when the run is done; what it held must not stay in the file.
#[test]
fn runs_that_have_sent_leave_no_number_behind() {
    let folder = Folder::new(
        r#"
        if (vo.MessageStatus !== "go") return;
        for (let n = 0; n < 30; n++) utils.whatsapp.send({ to: "+393331234567", body: "Ciao " + n });
        console.log("effect");
        "#,
        "",
    );
    let host = folder.serve();
    let mut go = form(&sid(1), "go");
    go.push("To", "whatsapp:+393351234567");
    assert_eq!(callback(&host.url, &host.url, PATH, &go, TOKEN).status, 204);
    let read = ["messages", "list", "--status", "read"];
    while rows(&folder, &read).len() < 30
        || !rows(&folder, &["notifications", "list", "--status", "waiting"]).is_empty()
    {}
    let (stdout, stderr, status) = said(&folder, &["forget", NUMBER]);
    assert_eq!((status, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.starts_with("30 messages"), "{stdout}");
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(files_that_hold(&folder, DIGITS), [""; 0]);
}

#[test]
fn an_action_reads_the_hosts_record_of_its_messages_and_of_no_others() {
    let folder = folder();
    folder.write(
        "scripts/app/send.js",
        r#"
        const { sid } = utils.whatsapp.send({ to: vo.to, body: "Ciao", companyId: "ACME" });
        const bySid = JSON.parse(utils.getWhatsappMessage(sid));
        const byId = JSON.parse(utils.getWhatsappMessage(bySid.id));
        let thrown = null;
        try { utils.getWhatsappMessage(7); } catch (error) { thrown = String(error); }
        return { bySid, same: JSON.stringify(bySid) === JSON.stringify(byId), thrown,
                 none: utils.getWhatsappMessage("SM00000000000000000000000000000000") };
        "#,
    );
    let host = folder.serve();
    let told: Value = serde_json::from_str(&done(
        &folder,
        &["run", "app/send", "--vo", &json!({ "to": NUMBER }).to_string()],
    ))
    .unwrap();
    let record = &told["bySid"];
    let names: Vec<_> = record.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(
        names.join(" "),
        "id sid appId companyId to from status errorCode errorMessage template price priceUnit createdAt updatedAt history"
    );
    assert_eq!((&record["to"], &record["companyId"]), (&json!(NUMBER), &json!("ACME")));
    assert_eq!((&told["same"], &told["none"]), (&json!(true), &Value::Null));
    assert!(
        told["thrown"].as_str().unwrap().starts_with("TypeError: getWhatsappMessage: `sid` must be a string")
    );
    let sid = record["sid"].as_str().unwrap();
    for id in [sid, record["id"].as_str().unwrap()] {
        let vo = json!({ "sid": id }).to_string();
        assert_eq!(done(&folder, &["run", "other/look", "--vo", &vo]), "null\n", "another application's");
    }
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn a_database_of_an_older_version_is_named_as_such() {
    let folder = folder();
    assert_eq!(folder.serve().terminate(), Some(0));
    let db = rusqlite::Connection::open(folder.path("data/host.db")).unwrap();
    db.pragma_update(None, "user_version", 2).unwrap();
    drop(db);
    for look in
        [&["messages", "list"][..], &["runs", "show", "1"], &["messages", "report"], &["export", NUMBER]]
    {
        let (stdout, stderr, status) = said(&folder, look);
        assert_eq!((stdout.as_str(), status), ("", 2), "{stderr}");
        assert!(stderr.contains("error[DATABASE_OLDER]") && stderr.contains("boatswain serve"), "{stderr}");
    }
}
