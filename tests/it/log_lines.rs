//! What scripts, people and Twilio write reaches logs and screens as text: it steers no terminal and looks like no other
//! line.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::host::{Folder, callback_url, client, form, post, runtime, sid};

/// A clear screen, the end of a colour, a right-to-left override, an isolate, a line separator, a byte order mark; and a
/// line that looks like one of the host's.
const EVIL: &str =
    "a\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\u{61c}\u{2028}\u{feff}\u{7f}\rz\nERROR boatswain: forged";
const STEERING: &[char] =
    &['\u{1b}', '\u{9b}', '\u{202e}', '\u{2066}', '\u{61c}', '\u{2028}', '\u{feff}', '\u{7f}', '\r', '\0'];

/// An action that logs, throws and returns what it is given.
const TELL: &str = r#"
    console.log(vo.text); utils.log(vo.text, "warn");
    if (vo.throws) { const error = new Error(vo.text); throw error; }
    return vo.text;
"#;

fn is_inert(text: &str) {
    assert!(!text.contains(STEERING), "{text:?}");
}

fn run(folder: &Folder, throws: bool) -> (Vec<u8>, String) {
    let vo = json!({ "text": EVIL, "throws": throws }).to_string();
    let output = folder.command(&["run", "app/tell", "--vo", &vo]).stdin(Stdio::null()).output().unwrap();
    (output.stdout, String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_run_by_hand_shows_what_its_log_and_its_error_would_do() {
    let folder = Folder::new("", "");
    folder.write("scripts/app/tell.js", TELL);
    let (stdout, stderr) = run(&folder, false);
    assert_eq!(stdout, format!("{EVIL}\n").into_bytes(), "the result is byte for byte what was returned");
    is_inert(&stderr);
    let lines: Vec<_> = stderr.lines().collect();
    let shown = "a\\u{1b}[2J\\u{9b}31m\\u{202e}\\u{2066}\\u{61c}\\u{2028}\\u{feff}\\u{7f}\\rz";
    let forged = "      ERROR boatswain: forged";
    assert_eq!(lines, [format!("info  {shown}").as_str(), forged, &format!("warn  {shown}"), forged]);

    let (_, stderr) = run(&folder, true);
    is_inert(&stderr);
    assert!(stderr.contains(&format!("error[THROWN]: Error: {shown}\n{forged}\n  --> ")), "{stderr}");
}

/// Where people look at what has happened.
const LOOKS: &[&[&str]] = &[
    &["notifications", "list"],
    &["notifications", "show", "1"],
    &["notifications", "show", "1", "--json"],
    &["runs", "list"],
    &["runs", "list", "--json"],
    &["runs", "show", "1"],
    &["runs", "show", "1", "--json"],
];

#[test]
fn a_log_record_is_one_line_and_so_is_every_row() {
    for format in ["text", "json"] {
        let script = format!("const text = {}; console.log(text); throw new Error(text);", Value::from(EVIL));
        let folder = Folder::new(&script, "");
        let host = folder.serve_with(&[("BOATSWAIN_LOG_FORMAT", format)]);
        let mut form = form(&sid(1), "failed");
        form.push("ErrorMessage", EVIL);
        form.push(EVIL, EVIL);
        let status = runtime().block_on(post(&client(), &callback_url(&host.url), &form)).unwrap();
        assert_eq!(status, 204);
        host.wait_for("next");
        for command in LOOKS {
            let output = folder.boatswain(command);
            let stdout = String::from_utf8(output.stdout).unwrap();
            assert_eq!(output.status.code(), Some(0), "{command:?}");
            is_inert(&stdout);
            assert!(!stdout.lines().any(|line| line.starts_with("ERROR")), "{command:?}: {stdout}");
            if command.ends_with(&["--json"]) {
                let row: Value = serde_json::from_str(stdout.lines().next().unwrap()).unwrap();
                assert!(row["id"].is_number(), "{row}");
            }
        }
        let said = host.end();
        is_inert(&said);
        let forged: Vec<_> = said.lines().filter(|line| line.contains("forged")).collect();
        let (below, records): (Vec<_>, Vec<_>) = forged.iter().partition(|line| line.starts_with("      "));
        // Of each attempt what it logged and why it failed.
        assert!(!records.is_empty() && records.len().is_multiple_of(2), "{said}");
        assert_eq!(below.is_empty(), format == "json", "{said}"); // the code, and the `vo`
        for line in records {
            if format == "json" {
                let record: Value = serde_json::from_str(line).unwrap();
                assert!(
                    record["message"].as_str().unwrap().contains(EVIL),
                    "a program reads what was written"
                );
            } else {
                assert!(!line.starts_with("ERROR") && line.contains("\\u{202e}"), "{line}");
            }
        }
    }
}

#[test]
fn a_file_cannot_name_itself_into_another_line() {
    let folder = Folder::new("", "");
    folder.write("scripts/app/x\u{1b}[2J\nerror[FORGED]: y.js", "this is no JavaScript");
    let output = folder.boatswain(&["check"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    is_inert(&stderr);
    assert!(
        stderr.contains("FORGED") && !stderr.lines().any(|line| line.starts_with("error[FORGED]")),
        "{stderr}"
    );
    let output = folder.boatswain(&["check", "--json"]);
    let stdout = String::from_utf8(output.stdout).unwrap();
    is_inert(&stdout);
    assert!(stdout.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{stdout}");
}
