//! The small commands: `new` makes an application that works, `send` sends one message, `trace` tells its story.

use std::process::Output;

use serde_json::Value;

use crate::host::Folder;

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[track_caller]
fn well(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(output), stderr(output));
    stdout(output)
}

#[test]
fn a_new_application_passes_check_and_test() {
    let folder = Folder { root: tempfile::tempdir().unwrap() };
    let made = well(&folder.boatswain(&["new", "orders"]));
    assert!(made.contains("scripts/orders/greet.js\n") && made.contains("[applications.orders]"), "{made}");
    // The second one stands beside the first, whose file ends without a line's end.
    let params = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    folder.write("app-params.toml", params.trim_end());
    well(&folder.boatswain(&["new", "bookings"]));

    let checked = folder.boatswain(&["check"]);
    assert_eq!(
        (checked.status.code(), stderr(&checked).contains("error[")),
        (Some(0), false),
        "{}",
        stderr(&checked)
    );
    assert!(!stderr(&checked).contains("warning["), "{}", stderr(&checked));
    // The addresses stand there once, to be changed.
    let params = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    assert!(params.starts_with("[host]\n# listen = \"127.0.0.1:8080\" "), "{params}");
    assert_eq!(params.matches("[simulator]\n# listen = \"127.0.0.1:8081\" ").count(), 1, "{params}");
    folder.write("app-params.toml", &params.replace("# listen", "listen"));
    assert_eq!(folder.boatswain(&["check"]).status.code(), Some(0));
    let tested = well(&folder.boatswain(&["test"]));
    assert!(tested.contains("8 passed, 0 failed"), "{tested}");

    let senders: Vec<_> = std::fs::read_to_string(folder.path("app-params.toml"))
        .unwrap()
        .lines()
        .filter(|line| line.starts_with("from_phone_number") || line.starts_with("account_id"))
        .map(str::to_owned)
        .collect();
    assert_eq!(senders.len(), 4);
    assert!(senders[0] != senders[2] && senders[1] != senders[3], "nothing is shared: {senders:?}");
}

#[test]
fn an_application_that_is_there_is_left_alone() {
    let folder = Folder::new("", "");
    folder.write("scripts/only-a-folder/x.js", "");
    for (name, code) in
        [("app", "APPLICATION_EXISTS"), ("only-a-folder", "APPLICATION_EXISTS"), ("a b", "USAGE")]
    {
        let output = folder.boatswain(&["new", name]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        assert!(stderr(&output).contains(&format!("error[{code}]: ")), "{name}: {}", stderr(&output));
    }
    assert!(!folder.path("scripts/app/greet.js").exists());
    assert!(!folder.path("scripts/only-a-folder/greet.js").exists());
}

/// An application whose callback action throws when a message is read.
fn served() -> Folder {
    let folder = Folder::new(
        "console.log('it is ' + vo.MessageStatus);\nif (vo.MessageStatus === 'delivered') throw new Error('no more');\nreturn 'noted';",
        "incoming_message = 'answer'",
    );
    folder.write("scripts/app/answer.js", "return 'You wrote ' + vo.Body;");
    folder
}

#[test]
fn one_message_is_sent_and_its_story_told() {
    let folder = served();
    let host = folder.serve();
    let sent = well(&folder.boatswain(&["send", "app", "333 1234567", "ciao"]));
    let sid = sent.split_whitespace().next().unwrap().to_owned();
    assert!(
        sid.starts_with("SM") && sent.contains(" is queued to +393331234567 from +14155238886"),
        "{sent}"
    );
    host.wait_for("it is delivered");
    host.wait_for("no more");

    let told = well(&folder.boatswain(&["trace", &sid]));
    let mut from = 0;
    for expected in [
        &format!("message {sid} of app (NODEFINED) to +39…67 from whatsapp:+14155238886\n"),
        "the host sends\n",
        "Twilio answers: queued\n",
        "Twilio calls back: sent (notification ",
        " of callback (version ",
        ": completed in ",
        "info  it is sent\n",
        "returned noted\n",
        "Twilio calls back: delivered (notification ",
        ": thrown in ",
        "info  it is delivered\n",
        "Error: no more\n",
        "--> scripts/app/callback.js:2:",
        "\nnow it is ",
    ] {
        let at =
            told[from..].find(expected).unwrap_or_else(|| panic!("no `{expected}` in its place in\n{told}"));
        from += at + expected.len();
    }
    let json: Value = serde_json::from_str(&well(&folder.boatswain(&["trace", &sid, "--json"]))).unwrap();
    assert_eq!(json["message"]["sid"], Value::from(sid));
    assert_eq!(json["notifications"][0]["run"]["actionId"], "callback");
    let unmasked = well(&folder.boatswain(&["trace", json["message"]["id"].as_str().unwrap(), "--unmask"]));
    assert!(unmasked.contains("to +393331234567 from"), "{unmasked}");

    let unknown = folder.boatswain(&["trace", "SM00000000000000000000000000000000"]);
    assert_eq!(unknown.status.code(), Some(1));
    assert!(stderr(&unknown).contains("error[NOT_FOUND]"), "{}", stderr(&unknown));
    drop(host);
    // The same without a host.
    assert!(
        well(&folder.boatswain(&["trace", json["message"]["sid"].as_str().unwrap()]))
            .contains("returned noted")
    );
}

#[test]
fn a_message_that_cannot_be_sent_says_why() {
    let folder = served();
    for (arguments, status, code) in [
        (&["send", "app", "12", "ciao"][..], 1, "INVALID_PHONE_NUMBER"),
        (&["send", "app", "+393990121211", "ciao"], 1, "21211"),
        (&["send", "ap", "+393331234567", "ciao"], 2, "UNKNOWN_APPLICATION"),
        (&["send", "app", "+393331234567"], 2, "USAGE"),
        (&["send", "app", "+393331234567", "ciao", "--company", "a b"], 2, "USAGE"),
    ] {
        let output = folder.boatswain(arguments);
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {}", stderr(&output));
        assert!(stderr(&output).contains(&format!("error[{code}]: ")), "{arguments:?}: {}", stderr(&output));
        assert_eq!(stdout(&output), "");
    }
    let output = folder.boatswain(&["send", "app", "12", "ciao", "--json"]);
    let outcome: Value = serde_json::from_str(&stdout(&output)).unwrap();
    assert_eq!(
        (output.status.code(), outcome["errorCode"].as_str()),
        (Some(1), Some("INVALID_PHONE_NUMBER"))
    );
}

#[test]
fn the_hosts_own_action_is_nobody_elses() {
    let folder = served();
    folder.write("scripts/app/.send.js", "return 'mine';");
    let sent = well(&folder.boatswain(&["send", "app", "+393331234567", "ciao", "--json"]));
    assert!(sent.contains("\"status\":\"queued\""), "{sent}");
    let near = folder.boatswain(&["run", "app/sen"]);
    assert!(!stderr(&near).contains(".send"), "{}", stderr(&near));
}

#[test]
fn a_run_shows_its_calls_when_it_is_asked_to() {
    let folder = Folder::new("", "");
    folder.write(
        "scripts/app/calls.js",
        "utils.executeSql('INSERT INTO effects VALUES (1, 2, 3)');
         utils.sendWhatsappMessage('+393331234567', 'x');
         try { utils.executeSql('INSERT INTO nowhere VALUES (1)'); } catch {}
         return 'done';",
    );
    for host in [None, Some(folder.serve())] {
        let output = folder.boatswain(&["run", "app/calls", "--calls"]);
        assert_eq!(well(&output), "done\n");
        let told = stderr(&output);
        let calls: Vec<_> = told.lines().filter(|line| line.starts_with("call ")).collect();
        assert_eq!(calls.len(), 3, "{told}");
        assert!(calls[0].contains(" ms  utils.executeSql") && !calls[0].contains("threw"), "{told}");
        assert!(calls[1].ends_with(" ms  utils.sendWhatsappMessage"), "{told}");
        assert!(calls[2].ends_with(" ms  utils.executeSql  threw SQL_ERROR"), "{told}");
        assert!(told.contains("host calls: 3; "), "{told}");
        let json = folder.boatswain(&["run", "app/calls", "--calls", "--log-format", "json"]);
        let line: Value = serde_json::from_str(stderr(&json).lines().next().unwrap()).unwrap();
        assert_eq!((line["level"].as_str(), line["function"].as_str()), (Some("call"), Some("executeSql")));
        assert!(line["tookMs"].is_number() && line["atMs"].is_number(), "{line}");
        assert!(!stderr(&folder.boatswain(&["run", "app/calls"])).contains("call "));
        drop(host);
    }
}

#[test]
fn a_run_that_went_well_by_mistake_says_so() {
    let folder = Folder::new("", "");
    folder.write(
        "scripts/app/sends.js",
        "const result = utils.sendWhatsappMessage('+393331234567', 'x');\nif (result.success) return 'sent';\nreturn 'not sent';",
    );
    folder.write("scripts/app/lib/notes.js", "exports.note = async () => {};");
    folder.write("scripts/app/late.js", "async function note() { await 1; }\nnote();\nreturn 'done';");
    let output = folder.boatswain(&["run", "app/sends"]);
    assert_eq!(well(&output), "not sent\n");
    let told = stderr(&output);
    assert!(
        told.contains("warning[OUTCOME_NOT_PARSED]: ") && told.contains("scripts/app/sends.js:2:"),
        "{told}"
    );
    let told = stderr(&folder.boatswain(&["run", "app/late"]));
    assert!(told.contains("warning[NOT_AWAITED]: ") && told.contains("scripts/app/late.js:2:"), "{told}");
    folder.write("scripts/app/idle.js", "async function main() {\n  utils.log('x');\n}\n");
    let told = stderr(&folder.boatswain(&["run", "app/idle"]));
    assert!(told.contains("warning[NOTHING_RUNS]: ") && told.contains("`return main();`"), "{told}");
}

#[test]
fn what_is_no_action_is_told_with_what_to_do() {
    let folder = Folder::new("", "");
    folder.write("scripts/app/lib/orders.js", "exports.load = () => 1;");
    folder.write("scripts/app/hook.js", "exports.handler = async (context, event) => event.Body;");
    folder.write("scripts/app/plain.js", "function load(id) {\n  return await find(id);\n}\n");
    for (action, expected) in [
        ("lib/orders", &["error[UNKNOWN_ACTION]: `lib/orders` is a module", "require(\"./lib/orders\")"][..]),
        (
            "hook",
            &[
                "an action exports nothing: cannot set `handler` of `exports`",
                "scripts/app/hook.js:1:",
                "help: the whole file is the body",
            ][..],
        ),
        (
            "plain",
            &[
                "error[SYNTAX]: ",
                "scripts/app/plain.js:2:10",
                "help: write `async` before `function load` in line 1",
            ][..],
        ),
    ] {
        let output = folder.boatswain(&["run", &format!("app/{action}")]);
        let told = stderr(&output);
        assert_eq!(output.status.code(), Some(1), "{told}");
        for expected in expected {
            assert!(told.contains(expected), "{action}: {expected}\n{told}");
        }
    }
}

#[test]
fn a_run_beside_a_host_that_has_refused_the_files_says_so() {
    let folder = Folder::new("", "");
    folder.write("scripts/app/greet.js", "return 'old';");
    let host = folder.serve();
    folder.write("scripts/app/greet.js", "return 'new;");
    host.wait_for("changes are refused");
    let output = folder.boatswain(&["run", "app/greet"]);
    assert_eq!(well(&output), "old\n");
    let told = stderr(&output);
    assert!(
        told.contains("warning[ANOTHER_VERSION]: the host ran version ") && told.contains("scripts/app"),
        "{told}"
    );
    folder.write("scripts/app/greet.js", "return 'newer';");
    host.wait_for("changes are taken over");
    let output = folder.boatswain(&["run", "app/greet"]);
    assert_eq!((well(&output).as_str(), stderr(&output).as_str()), ("newer\n", ""));
}

#[test]
fn a_callback_that_names_no_action_is_told_at_the_start() {
    let folder = Folder::new("", "incoming_message = 'anwser'");
    folder.write("scripts/app/answer.js", "");
    let host = folder.serve();
    let told = host.wait_for("names `anwser`, which does not exist");
    assert!(told.contains("WARN"), "{told}");
    host.wait_for("did you mean `answer`?");
}
