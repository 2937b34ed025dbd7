//! A failing action tells its author what happened, shows the code, the stack, what it got and how to run it again: in
//! `run`, in the log of `serve`, in `runs show` and in `check`, as text and as JSON.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::host::{BINARY, Folder, callback_url, client, form, post, runtime, sid};

const ACTION: &str = "// Confirms an order.\nfunction check(order) {\n  return order.customer.name;\n}\n\
                      return [vo].map((order) => check(order));\n";

/// What `run` says of [`ACTION`] in any way, but for the path of the folder.
const TOLD: &str = "\
error[THROWN]: TypeError: cannot read `name` of `order.customer`, which is null or undefined
  --> scripts/app/confirm.js:3:25 (check)
  1 | // Confirms an order.
  2 | function check(order) {
> 3 |   return order.customer.name;
    |                         ^
  4 | }
    at scripts/app/confirm.js:5:28
    at scripts/app/confirm.js:5:13
";

fn folder() -> Folder {
    let folder = Folder::new(ACTION, "");
    folder.write("scripts/app/confirm.js", ACTION);
    folder
}

fn stderr(output: &Output) -> String {
    assert!(output.stdout.is_empty(), "stdout is the return value and nothing else");
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn piped(folder: &Folder, arguments: &[&str], vo: &str) -> Output {
    let mut command = folder.command(arguments);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(vo.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn shown(folder: &Folder, arguments: &[&str]) -> String {
    let output = folder.boatswain(arguments);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn run_shows_the_code_and_the_authors_stack() {
    let folder = folder();
    // What somebody has just typed is not said again.
    let output = folder.boatswain(&["run", "app/confirm", "--vo", r#"{"to":"+393331234567"}"#]);
    assert_eq!(stderr(&output), TOLD);

    let output = folder.boatswain(&["run", "app/confirm", "--full-stack"]);
    let said = stderr(&output);
    assert!(said.contains("\n    at map (native)\n    at scripts/app/confirm.js:5:13"), "{said}");

    let output =
        piped(&folder, &["run", "app/confirm", "--company", "ACME", "--vo", "-"], r#"{"name":"it's"}"#);
    let again = r#"run again: boatswain run app/confirm --company ACME --vo '{"name":"it'\''s"}'"#;
    assert_eq!(stderr(&output), format!("{TOLD}vo: {{\"name\":\"it's\"}}\n{again}\n"));
}

#[test]
fn run_tells_a_program_the_same_as_json() {
    let folder = folder();
    folder.write("scripts/app/confirm.js", &format!("console.log('one\\ntwo');\n{ACTION}"));
    let vo = r#"{"to":"+393331234567","secretKey":"k3y"}"#;
    let output = folder.boatswain(&["run", "app/confirm", "--vo", vo, "--log-format", "json"]);
    let said = stderr(&output);
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let [log, told] = lines.as_slice() else { panic!("{said}") };
    assert_eq!(*log, json!({ "level": "info", "message": "one\ntwo" }));
    assert_eq!(told["level"], "error");
    assert_eq!(told["reason"], "thrown");
    assert_eq!(told["frames"][0]["line"], 4);
    assert_eq!(told["native"], json!([{ "function": "map", "inside": 2 }]));
    assert!(told["codeFrame"].as_str().unwrap().contains("> 4 |   return order.customer.name;\n"), "{told}");
    assert_eq!(told["vo"], json!({ "to": "+39…67", "secretKey": "(hidden)" }));
    assert_eq!(told["runAgain"], "boatswain run app/confirm --vo @vo.json");
}

#[test]
fn the_log_of_serve_shows_it_below_the_record() {
    for format in ["text", "json"] {
        let folder = folder();
        let host = folder.serve_with(&[("BOATSWAIN_LOG_FORMAT", format)]);
        let mut form = form(&sid(1), "failed");
        form.push("To", "whatsapp:+393331234567");
        assert_eq!(runtime().block_on(post(&client(), &callback_url(&host.url), &form)).unwrap(), 204);
        host.wait_for(if format == "text" { "vo: {" } else { "\"vo\":" });
        let said = host.end();
        let message = "TypeError: cannot read `name` of `order.customer`, which is null or undefined";
        assert!(!said.contains("393331234567"), "{said}");
        if format == "json" {
            let record = said.lines().find(|line| line.contains(message)).unwrap();
            let record: Value = serde_json::from_str(record).unwrap();
            assert!(record["code_frame"].as_str().unwrap().contains("> 3 |   return order.customer.name;\n"));
            assert_eq!(record["stack"].as_str().unwrap().lines().count(), 2);
            let vo: Value = serde_json::from_str(record["vo"].as_str().unwrap()).unwrap();
            assert_eq!((&vo["To"], &vo["companyId"]), (&json!("whatsapp:+39…67"), &json!("NODEFINED")));
            continue;
        }
        let mut lines = said.lines().skip_while(|line| !line.contains(message));
        let record = lines.next().unwrap();
        assert!(
            record.contains("scripts/app/callback.js:3:25 app=app action=callback notification=1"),
            "{record}"
        );
        let below: Vec<_> =
            lines.take_while(|line| line.starts_with("      ")).map(str::trim_start).collect();
        let [.., caret, _, first, second, vo] = below.as_slice() else { panic!("{said}") };
        assert_eq!(*caret, "|                         ^");
        assert_eq!([*first, *second], ["at scripts/app/callback.js:5:28", "at scripts/app/callback.js:5:13"]);
        assert!(vo.starts_with("vo: {") && vo.contains(r#""To":"whatsapp:+39…67""#), "{vo}");
    }
}

#[test]
fn runs_show_keeps_the_code_as_it_was_and_the_command_runs_it_again() {
    let folder = folder();
    let vo = r#"{"name":"it's \"$HOME\" `x`\n"}"#;
    let output = folder.boatswain(&["run", "app/confirm", "--company", "ACME", "--vo", vo]);
    assert_eq!(stderr(&output), TOLD);
    folder.write("scripts/app/confirm.js", "return 'mended';");
    let text = shown(&folder, &["runs", "show", "1"]);
    let told = text.split_once("\n\n").unwrap().1;
    assert!(told.starts_with(TOLD), "{text}");
    assert!(!text.contains("native"), "{text}");
    let full = shown(&folder, &["runs", "show", "1", "--full-stack"]);
    assert!(full.contains("    at map (native)\n"), "{full}");

    let run: Value = serde_json::from_str(&shown(&folder, &["runs", "show", "1", "--json"])).unwrap();
    assert!(run["error"]["codeFrame"].as_str().unwrap().contains("> 3 |"), "{run}");
    assert_eq!(run["error"]["vo"], serde_json::from_str::<Value>(vo).unwrap());
    let command = run["runAgain"].as_str().unwrap();
    assert!(told.ends_with(&format!("run again: {command}\n")), "{told}");
    // A shell reads it as it is meant.
    let command = command.replacen("boatswain", BINARY, 1);
    let again =
        Command::new("/bin/sh").args(["-c", &command]).current_dir(folder.root.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&again.stdout), "mended\n", "{again:?}");
    folder.write("scripts/app/confirm.js", "return vo.name;");
    let again =
        Command::new("/bin/sh").args(["-c", &command]).current_dir(folder.root.path()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&again.stdout), "it's \"$HOME\" `x`\n\n");
}

#[test]
fn a_record_hides_what_a_vo_says_of_people_and_secrets() {
    let folder = folder();
    let vo = json!({ "customerPhone": "+393331234567", "authKey": "k3y-k3y", "text": "x".repeat(5000) })
        .to_string();
    assert_eq!(stderr(&folder.boatswain(&["run", "app/confirm", "--vo", &vo])), TOLD);
    let views = [&["runs", "show", "1"][..], &["runs", "show", "1", "--json"], &["runs", "list", "--json"]];
    for view in views {
        let said = shown(&folder, view);
        assert!(said.contains("+39…67") && said.contains("(hidden)"), "{said}");
        assert!(!said.contains("3331234567") && !said.contains("k3y") && said.len() < 4000, "{said}");
    }
    assert!(
        shown(&folder, &["runs", "show", "1"])
            .ends_with("run again: boatswain run app/confirm --vo @vo.json\n")
    );
    // The host keeps the number, so that it can be found and forgotten; the key it does not keep.
    let kept = std::fs::read(folder.path("data/host.db")).unwrap();
    let holds = |text: &str| kept.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(holds("+393331234567") && !holds("k3y-k3y"));
    shown(&folder, &["forget", "+393331234567"]);
    assert!(!shown(&folder, &["runs", "show", "1", "--json"]).contains("customerPhone"));
}

#[test]
fn the_cause_of_an_error_is_kept_also_where_the_host_has_thrown_it() {
    let folder = folder();
    folder.write(
        "scripts/app/confirm.js",
        "try {\n  utils.executeSql('INSERT INTO orders VALUES (1)');\n} catch (error) {\n  \
         throw new Error('cannot store the order', { cause: error });\n}\n",
    );
    let said = stderr(&folder.boatswain(&["run", "app/confirm"]));
    let cause = "\ncaused by: Error: no such table: orders";
    assert!(
        said.starts_with("error[THROWN]: Error: cannot store the order\n  --> scripts/app/confirm.js:4:9\n"),
        "{said}"
    );
    assert!(
        said.contains(cause) && said.contains(" [SQL_ERROR]\n  --> scripts/app/confirm.js:2:9\n"),
        "{said}"
    );
}

#[test]
fn a_file_that_cannot_be_read_as_javascript_is_shown_where() {
    let folder = folder();
    folder.write("scripts/app/lib/money.js", "exports.euro = (cents) => {\n  return cents / 100\n");
    folder.write("scripts/app/confirm.js", "const money = require('./lib/money');\nreturn money.euro(5);\n");
    let frame =
        "> 1 | exports.euro = (cents) => {\n    |                           ^\n  2 |   return cents / 100\n";
    let said = stderr(&folder.boatswain(&["run", "app/confirm"]));
    assert!(said.contains(&format!("  --> scripts/app/lib/money.js:1:27\n{frame}")), "{said}");
    assert!(said.contains("    at scripts/app/confirm.js:1:15\n"), "{said}");

    let output = folder.boatswain(&["check"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains(&format!("  --> scripts/app/lib/money.js:1:27\n{frame}")), "{said}");
    let output = folder.boatswain(&["check", "--json"]);
    let said = String::from_utf8(output.stdout).unwrap();
    let problem: Value = serde_json::from_str(said.lines().next().unwrap()).unwrap();
    assert_eq!(problem["codeFrame"].as_str().unwrap(), frame.trim_end());
}
