//! A fault of the host's own (a panic) is told without its payload, fails one run, and leaves the application at work.

use crate::host::{Folder, callback_url, client, form, post, runtime, sid};

const NOTE: &str = r#"
    utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, NULL)");
    console.log("effect of " + vo.MessageSid);
"#;
const SEND: &str = r#"
    if (vo.MessageStatus !== "start") { console.log("heard of " + vo.MessageSid); return; }
    utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, 'before', NULL)");
    const told = utils.whatsapp.send({ to: "+393331234567", body: "Ciao" });
    utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, 'after', ?)", null, false, true, told.status);
    console.log("effect of " + vo.MessageSid);
"#;
const EFFECTS: &str = "SELECT sid, count(*) FROM effects GROUP BY sid ORDER BY sid";

/// The first run that comes to the point meets a fault there; says what the host has said.
fn survives(folder: &Folder, point: &str, format: &str, effects: i64) -> String {
    let failpoint = format!("panic:{point}");
    let host = folder.serve_with(&[("BOATSWAIN_FAILPOINT", &failpoint), ("BOATSWAIN_LOG_FORMAT", format)]);
    let (url, runtime) = (callback_url(&host.url), runtime());
    assert_eq!(runtime.block_on(post(&client(), &url, &form(&sid(1), "start"))).unwrap(), 204);
    host.wait_for("a fault of the program's own (a panic)");
    host.wait_for("the host had a fault of its own while it worked for this run");
    // The application does not stand: others run, and what met the fault is tried again.
    assert_eq!(runtime.block_on(post(&client(), &url, &form(&sid(2), "start"))).unwrap(), 204);
    host.wait_for(&format!("effect of {}", sid(2)));
    host.wait_for(&format!("effect of {}", sid(1)));
    assert_eq!(folder.rows(EFFECTS), [(sid(1), effects), (sid(2), effects)], "{point}: once each");
    if folder.path("sends").exists() {
        host.wait_for("heard of"); // notifications of what was sent wait for nobody any more
    }
    let said = host.end(); // every thread ends
    let attempts = |n: u32| {
        folder.count(&format!("SELECT attempts FROM notifications WHERE message_sid = '{}'", sid(n)))
    };
    assert_eq!((attempts(1), attempts(2)), (2, 1), "{point}");
    assert!(said.contains("src/base/stage.rs:") && said.contains("run-app"), "place and thread: {said}");
    assert!(!said.contains("payload"), "{said}");
    said
}

#[test]
fn a_fault_in_a_host_function_fails_its_run_which_is_tried_again() {
    let said = survives(&Folder::new(NOTE, ""), "run-calls", "text", 1);
    assert!(said.contains("ERROR boatswain: a fault of the program's own"), "{said}");
}

#[test]
fn a_fault_is_a_record_of_the_log_in_its_format() {
    let said = survives(&Folder::new(NOTE, ""), "run-calls", "json", 1);
    let record = said.lines().find(|line| line.contains("a fault of the program's own")).unwrap();
    let record: serde_json::Value = serde_json::from_str(record).unwrap();
    assert_eq!((&record["level"], &record["thread"]), (&"ERROR".into(), &"run-app".into()));
    assert!(record["place"].as_str().unwrap().starts_with("src/base/stage.rs:"), "{record}");
}

#[test]
fn a_fault_while_others_have_the_database_loses_neither_it_nor_the_message() {
    for (point, told) in [("send-intended", "in doubt"), ("send-answered", "known")] {
        let folder = Folder::new(SEND, "");
        folder.write("sends", "");
        survives(&folder, point, "text", 2);
        let notes = folder.texts(
            "SELECT iif(note = 'unknown', 'in doubt', 'known') FROM effects WHERE status = 'after' ORDER BY sid",
        );
        assert_eq!(notes, [told, "known"], "{point}");
        assert_eq!(folder.count("SELECT count(*) FROM messages"), 2, "{point}: nothing is sent twice");
    }
}

#[test]
fn a_fault_with_what_came_fails_its_run() {
    survives(&Folder::new(NOTE, ""), "vo-wanted", "text", 1);
}

#[test]
fn a_fault_in_the_thread_that_stores_acknowledges_nothing() {
    let folder = Folder::new(NOTE, "");
    let host = folder.serve_with(&[("BOATSWAIN_FAILPOINT", "panic:notification-written")]);
    let runtime = runtime();
    let answer = |host: &str, n| {
        runtime.block_on(post(&client(), &callback_url(host), &form(&sid(n), "sent"))).unwrap()
    };
    for n in 1..=2 {
        assert_eq!(answer(&host.url, n), 503);
    }
    host.wait_for("a fault of the program's own (a panic)");
    host.kill();
    let host = folder.serve();
    assert_eq!(answer(&host.url, 1), 204);
    host.wait_for("effect of");
    assert_eq!(folder.rows(EFFECTS), [(sid(1), 1)]);
}

#[test]
fn who_runs_an_action_by_hand_is_told_of_a_fault() {
    let folder = Folder::new("", "");
    folder.write("scripts/app/ask.js", "return JSON.parse(utils.executeQuery('SELECT 1 AS one'))[0].one;");
    let output =
        folder.command(&["run", "app/ask"]).env("BOATSWAIN_FAILPOINT", "panic:run-calls").output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("error[HOST_FAULT]: ") && !stderr.contains("payload"), "{stderr}");
}
