//! A parameter file that is wrong at the moment: the host that is up goes on with what is in force, and so do the commands
//! that work through it. Without a host it is refused.

use std::process::{Output, Stdio};

use serde_json::Value;

use crate::host::{Folder, callback_url, client, form, post, runtime, sid};
use crate::pipeline::Twilio;

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Someone to whom a message stays queued.
const NUMBER: &str = "+393990400000";

/// Texts of the file that are wrong (without one there is no file), and the first problem of each: code and place.
fn wrong(sound: &str) -> [(Option<String>, &'static str, &'static str); 4] {
    [
        (Some(format!("wrong = 1\n{sound}\nwrong = 2\n")), "UNKNOWN_KEY", "app-params.toml:1:1"),
        (Some("[host".to_owned()), "PARAMS_SYNTAX", "app-params.toml:1:6"),
        (Some("\n".to_owned()), "PARAMS_BLANK", "app-params.toml"),
        (None, "PARAMS_UNREADABLE", "app-params.toml"),
    ]
}

fn put(folder: &Folder, text: Option<&str>) {
    match text {
        Some(text) => folder.write("app-params.toml", text),
        None => std::fs::remove_file(folder.path("app-params.toml")).unwrap(),
    }
}

/// A command that did its work, and said of the file that it is wrong, or nothing.
#[track_caller]
fn done(output: &Output, folder: &Folder, warned: Option<(&str, &str)>) {
    let said = stderr(output);
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said.matches("warning[").count(), usize::from(warned.is_some()), "{said}");
    if let Some((code, place)) = warned {
        let data = folder.root.path().canonicalize().unwrap().join("data");
        let sentence = format!(
            "warning[{code}]: the parameter file is wrong, and the host that works in {} goes on with the parameters in force: ",
            data.display()
        );
        assert!(said.contains(&sentence) && said.contains(&format!("\n  --> {place}\nhelp: ")), "{said}");
    }
}

#[test]
fn it_keeps_no_command_from_the_host_that_is_up() {
    let folder = Folder::new("console.log('ran'); return 'answered';", "");
    let sound = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    let host = folder.serve();
    let status = runtime().block_on(post(&client(), &callback_url(&host.url), &form(&sid(1), "sent")));
    assert_eq!(status.unwrap(), 204);
    host.wait_for("ran");
    let sent = folder.boatswain(&["send", "app", NUMBER, "Ciao", "--json"]);
    let sent: Value = serde_json::from_str(&stdout(&sent)).unwrap();
    let looks: [&[&str]; 11] = [
        &["messages", "list"],
        &["messages", "report"],
        &["notifications", "list"],
        &["notifications", "show", "1"],
        &["runs", "list", "--json"],
        &["runs", "show", "1"],
        &["trace", sent["sid"].as_str().unwrap()],
        &["accounts", "list"],
        &["pause"],
        &["opt-outs", "list"],
        &["export", NUMBER],
    ];
    let before = looks.map(|look| stdout(&folder.boatswain(look)));
    for (text, code, place) in wrong(&sound) {
        put(&folder, text.as_deref());
        for (look, before) in looks.iter().zip(&before) {
            let output = folder.boatswain(look);
            done(&output, &folder, Some((code, place)));
            assert_eq!(stdout(&output), *before, "{look:?}");
        }
        // What is told where the data is needs nothing of the file.
        let output = folder.boatswain(&["messages", "list", "--data", "data"]);
        done(&output, &folder, None);
        assert_eq!(stdout(&output), before[0]);
    }
    for (text, code, place) in wrong(&sound) {
        put(&folder, text.as_deref());
        for data in [&[][..], &["--data", "data"]] {
            let output = folder.boatswain(&[&["run", "app/callback"], data].concat());
            done(&output, &folder, Some((code, place)));
            assert_eq!(stdout(&output), "answered\n");
        }
        let commands: [&[&str]; 6] = [
            &["send", "app", NUMBER, "Ciao"],
            &["backup", "copy.tar", "--force"],
            &["opt-outs", "add", "+393331234567", "--app", "app"],
            &["notifications", "replay", "--all"],
            &["resume", "app"],
            &["forget", "+393331234568", "--dry-run"],
        ];
        for command in commands {
            done(&folder.boatswain(command), &folder, Some((code, place)));
        }
        // The host knows its applications.
        let output = folder.boatswain(&["run", "ap/callback"]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("error[UNKNOWN_APPLICATION]: "), "{}", stderr(&output));
    }
    assert_eq!(host.terminate(), Some(0));
    for (text, code, place) in wrong(&sound) {
        folder.write("app-params.toml", "");
        put(&folder, text.as_deref());
        let commands =
            [&["messages", "list"][..], &["run", "app/callback"], &["backup", "copy.tar"], &["serve"]];
        // A host without applications is one.
        let refused = if code == "PARAMS_BLANK" { &commands[..3] } else { &commands };
        for command in refused {
            let output = folder.boatswain(command);
            let said = stderr(&output);
            assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{said}");
            assert!(said.starts_with(&format!("error[{code}]: ")), "{command:?}: {said}");
            assert!(said.contains(&format!("\n  --> {place}\n")), "{command:?}: {said}");
        }
    }
    // All problems, and not the first alone.
    put(&folder, wrong(&sound)[0].0.as_deref());
    let said = stderr(&folder.boatswain(&["serve"]));
    assert!(said.matches("error[UNKNOWN_KEY]: ").count() >= 2, "{said}");
}

#[test]
fn the_data_folder_is_read_although_the_rest_is_wrong() {
    let folder = Folder::new("", "");
    folder.write("scripts/app/greet.js", "return 'hello';");
    let sound = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    let sound = sound.replace("[host]", "[host]\ndata_dir = \"elsewhere\"");
    folder.write("app-params.toml", &sound);
    let host = folder.serve();
    for text in [sound.replace("auth_key", "auth_token"), format!("{sound}\n[broken")] {
        folder.write("app-params.toml", &text);
        let output = folder.boatswain(&["run", "app/greet"]);
        assert_eq!(
            (output.status.code(), stdout(&output).as_str()),
            (Some(0), "hello\n"),
            "{}",
            stderr(&output)
        );
        assert!(
            stderr(&output).contains("/elsewhere goes on with the parameters in force"),
            "{}",
            stderr(&output)
        );
    }
    // Nobody answers where it would be by default, and that is not taken for the folder that was meant.
    for (text, code) in [("[host", "PARAMS_SYNTAX"), ("", "PARAMS_BLANK")] {
        folder.write("app-params.toml", text);
        for command in [&["run", "app/greet"][..], &["forget", "+393331234567"], &["notifications", "list"]] {
            let output = folder.boatswain(command);
            assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""));
            assert!(stderr(&output).starts_with(&format!("error[{code}]: ")), "{}", stderr(&output));
        }
    }
    let said = stderr(&folder.boatswain(&["run", "app/greet"]));
    assert!(said.contains("help: restore it, or say with `--data DIR` where"), "{said}");
    let output = folder.boatswain(&["run", "app/greet", "--data", "elsewhere"]);
    assert_eq!(stdout(&output), "hello\n", "{}", stderr(&output));
    assert!(!folder.path("data").exists());
    assert_eq!(host.terminate(), Some(0));
    // Without one it is the file that says what there is to run.
    let output = folder.boatswain(&["run", "app/greet", "--data", "elsewhere"]);
    assert!(stderr(&output).contains("help: restore it; to take"), "{}", stderr(&output));
    folder.write("app-params.toml", "# None yet.\n");
    let said = stderr(&folder.boatswain(&["run", "app/greet"]));
    assert!(said.contains("help: the file has no applications"), "{said}");
    // What works without applications goes on.
    folder.write("app-params.toml", "");
    for command in [&["check"][..], &["test"], &["new", "other"]] {
        let output = folder.boatswain(command);
        assert!(!stderr(&output).contains("PARAMS_BLANK"), "{command:?}: {}", stderr(&output));
    }
    assert!(folder.path("scripts/other/greet.js").exists());
}

#[test]
fn a_run_whose_host_dies_says_that_it_may_have_taken_place_and_where_to_look() {
    let twilio = Twilio::listen();
    let folder = Folder::new("", &format!("api_base_url = \"{}\"", twilio.url));
    folder
        .write("scripts/app/send.js", "return utils.whatsapp.send({ to: '+393331234567', body: 'x' }).sid;");
    let host = folder.serve();
    let mut run = folder.command(&["run", "app/send"]);
    let run = run.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let _open = twilio.asked();
    host.kill();
    let output = run.wait_with_output().unwrap();
    let said = stderr(&output);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(2), ""), "{said}");
    assert!(said.starts_with("error[HOST_GONE]: the host does not answer: "), "{said}");
    assert!(said.contains("whether the run took place is not known"), "{said}");
    assert!(said.contains("`boatswain runs list`") && said.contains("`boatswain messages list`"), "{said}");
    // As it says: it did not come to its end, and had sent.
    assert_eq!(stdout(&folder.boatswain(&["runs", "list", "--json"])), "");
    let messages = stdout(&folder.boatswain(&["messages", "list", "--json"]));
    assert_eq!(messages.lines().count(), 1, "{messages}");
}
