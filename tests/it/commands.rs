//! The command line keeps its word: what goes to stdout, what to stderr, and how a command ends.

use std::io::Write;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::host::{ACCOUNT, Folder, callback, form, request, sid};

const PATH: &str = "/whatsapp/callback/app/NODEFINED";
/// Notes each notification; its log line appears when the row is committed.
const NOTE: &str = r#"
    utils.executeSql("INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, NULL)");
    console.log("effect " + vo.MessageStatus);
"#;

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

/// A command that is refused: exit status 2, nothing on stdout, and an error of this code with a remedy on stderr.
#[track_caller]
fn refused(output: &Output, code: &str) -> String {
    let said = stderr(output);
    assert_eq!(status(output), 2, "{said}");
    assert_eq!(stdout(output), "", "{said}");
    assert!(said.contains(&format!("error[{code}]: ")), "{said}");
    assert!(said.contains("help: "), "{said}");
    said
}

fn json_lines(output: &Output) -> Vec<Value> {
    assert_eq!(status(output), 0, "{}", stderr(output));
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

const RETURNS: &[(&str, &str, &str)] = &[
    ("text", "console.log('to stderr'); return 'plain \"text\"\\nè';", "plain \"text\"\nè\n"),
    ("empty", "return '';", "\n"),
    ("number", "return 42.5;", "42.5\n"),
    (
        "object",
        "return { b: [1, 'x', null], a: { c: 'è' } };",
        "{\"b\":[1,\"x\",null],\"a\":{\"c\":\"è\"}}\n",
    ),
    ("null", "return null;", "null\n"),
    ("truth", "return true;", "true\n"),
    ("nothing", "console.log('to stderr');", ""),
    ("orders/later", "return await Promise.resolve(vo.a + 1);", "2\n"),
    ("set", "utils.setReturnValue({ set: 1 });", "{\"set\":1}\n"),
    ("both", "utils.setReturnValue('set'); return 'returned';", "returned\n"),
];

fn returns_folder() -> Folder {
    let folder = Folder::new("", "");
    for (name, script, _) in RETURNS {
        folder.write(&format!("scripts/app/{name}.js"), script);
    }
    folder
        .write("scripts/app/throws.js", "\nconst f = () => {\n  throw new RangeError('too far');\n};\nf();");
    folder.write("scripts/app/broken.js", "const a = 1;\nconst = 2;");
    folder.write(
        "scripts/app/tell.js",
        "return [vo, companyId, reqParams.companyId, userInfo.companyId, applicationId, reqParams];",
    );
    folder
}

#[test]
fn run_prints_the_value_and_nothing_else_without_a_host_and_beside_one() {
    let folder = returns_folder();
    let look = |how: &str| {
        for (name, _, expected) in RETURNS {
            let output = folder.boatswain(&["run", &format!("app/{name}"), "--vo", "{\"a\":1}"]);
            assert_eq!(
                (status(&output), stdout(&output).as_str()),
                (0, *expected),
                "{how} {name}: {}",
                stderr(&output)
            );
            let told = stderr(&output).contains("to stderr");
            assert_eq!(told, matches!(*name, "text" | "nothing"), "{how} {name}: {}", stderr(&output));
        }
        let output = folder.boatswain(&["run", "app/throws"]);
        assert_eq!((status(&output), stdout(&output).as_str()), (1, ""), "{how}");
        let said = stderr(&output);
        assert!(said.contains("error[THROWN]: RangeError: too far"), "{how}: {said}");
        assert!(said.contains("scripts/app/throws.js:3:"), "{how}: {said}");
        let output = folder.boatswain(&["run", "app/broken"]);
        assert_eq!((status(&output), stdout(&output).as_str()), (1, ""), "{how}");
        assert!(stderr(&output).contains("error[SYNTAX]: "), "{how}: {}", stderr(&output));
        assert!(stderr(&output).contains("scripts/app/broken.js:2:"), "{how}: {}", stderr(&output));
        let output = folder.boatswain(&["run", "app/nothere"]);
        assert_eq!((status(&output), stdout(&output).as_str()), (1, ""), "{how}");
        assert!(stderr(&output).contains("nothere"), "{how}: {}", stderr(&output));
    };
    look("alone");
    let host = folder.serve();
    look("beside");
    assert_eq!(host.terminate(), Some(0));
    look("alone again");
}

#[test]
fn run_takes_vo_from_the_line_a_file_or_stdin() {
    let folder = returns_folder();
    let host = folder.serve();
    folder.write("vo.json", "{\n  \"from\": \"file\", \"__proto__\": 1\n}\n");
    let vo = |arguments: &[&str], stdin: &str| {
        let mut command = folder.command(&["run", "app/tell"]);
        let mut child = command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };
    let told = |output: &Output| -> Value { serde_json::from_str(&stdout(output)).unwrap() };
    assert_eq!(told(&vo(&[], ""))[0], json!({}));
    assert_eq!(told(&vo(&["--vo", "[1, \"è\"]"], ""))[0], json!([1, "è"]));
    assert_eq!(
        stdout(&vo(&["--vo", "@vo.json"], "")).split("],").next(),
        stdout(&vo(&["--vo=@vo.json"], "")).split("],").next()
    );
    assert!(stdout(&vo(&["--vo", "@vo.json"], "")).starts_with("[{\"from\":\"file\",\"__proto__\":1},"));
    assert_eq!(told(&vo(&["--vo", "-"], "{\"from\":\"stdin\"}"))[0], json!({ "from": "stdin" }));

    let nodefined = told(&vo(&[], ""));
    assert_eq!(nodefined[1], "NODEFINED");
    let acme = told(&vo(&["--company", "ACME"], ""));
    let params = json!({ "appId": "app", "applicationId": "app", "companyId": "ACME", "actionId": "tell" });
    assert_eq!(acme, json!([{}, "ACME", "ACME", "ACME", "app", params]));

    assert!(refused(&vo(&["--vo", "{\n  orderId: 7}"], ""), "VO_NOT_JSON").contains("--vo:2:3"));
    assert!(refused(&vo(&["--vo", ""], ""), "VO_NOT_JSON").contains("--vo:1:"));
    assert!(refused(&vo(&["--vo", "-"], "{} {}"), "VO_NOT_JSON").contains("<stdin>:1:4"));
    let file = refused(&vo(&["--vo", "vo.json"], ""), "VO_NOT_JSON");
    assert!(file.contains("help: there is a file of that name: --vo @vo.json"), "{file}");
    folder.write("marked.json", "\u{feff}{\"from\":\"Windows\"}");
    assert_eq!(told(&vo(&["--vo", "@marked.json"], ""))[0], json!({ "from": "Windows" }));
    std::fs::File::create(folder.path("endless.json")).unwrap().set_len(65 << 20).unwrap();
    assert!(refused(&vo(&["--vo", "@endless.json"], ""), "VO_UNREADABLE").contains("64 MiB"));
    folder.write("bad.json", "nonsense");
    assert!(refused(&vo(&["--vo", "@bad.json"], ""), "VO_NOT_JSON").contains("bad.json:1:"));
    assert!(refused(&vo(&["--vo", "@nothere.json"], ""), "VO_UNREADABLE").contains("nothere.json"));
    refused(&vo(&["--company", "-x"], ""), "USAGE");
    assert_eq!(host.terminate(), Some(0));
}

/// A company need not be declared, and one that is misspelt is not.
#[test]
fn a_company_that_is_called_nearly_as_a_declared_one_is_warned_of() {
    let companies = "[applications.app.companies.ACME.WHATSAPP]\nfrom_phone_number = \"+14155550100\"";
    let folder = Folder::new("return companyId", companies);
    for (company, warned) in [("ACNE", true), ("ACME", false), ("OTHER", false), ("NODEFINED", false)] {
        let output = folder.boatswain(&["run", "app/callback", "--company", company]);
        assert_eq!(stdout(&output), format!("{company}\n"), "{}", stderr(&output));
        let told = stderr(&output);
        assert_eq!(told.contains("warning[UNDECLARED_COMPANY]"), warned, "{company}: {told}");
        assert_eq!(told.contains("did you mean `ACME`?"), warned, "{company}: {told}");
    }
}

#[test]
fn an_application_without_scripts_says_so_when_one_is_run() {
    let folder = Folder::new("return 1", "");
    std::fs::remove_dir_all(folder.path("scripts")).unwrap();
    let output = folder.boatswain(&["run", "app/callback"]);
    assert_eq!(status(&output), 1);
    let said = stderr(&output);
    assert!(said.contains("there is no action `callback`: the application has no scripts"), "{said}");
    assert!(said.contains("help: `boatswain check` says where"), "{said}");
}

#[test]
fn usage_errors_have_the_form_of_all_errors() {
    let folder = returns_folder();
    for arguments in [
        &["nonsense"][..],
        &["serv"],
        &["run"],
        &["run", "app"],
        &["run", "app/"],
        &["run", "/x"],
        &["run", "app/../x"],
        &["run", "-/x"],
        &["run", "app/tell", "extra"],
        &["run", "app/tell", "--compny", "x"],
        &["serve", "--listen", "nowhere"],
        &["serve", "--log-format", "xml"],
        &["messages"],
        &["messages", "list", "--limit", "many"],
        &["messages", "show"],
        &["check", "--params"],
    ] {
        let output = folder.boatswain(arguments);
        if arguments == ["messages"] {
            assert_eq!((status(&output), stdout(&output).as_str()), (2, ""), "{arguments:?}");
            continue;
        }
        let said = refused(&output, "USAGE");
        assert!(said.starts_with("error[USAGE]: "), "{arguments:?}: {said}");
    }
    assert!(refused(&folder.boatswain(&["serv"]), "USAGE").contains("serve"), "the nearest command");
    let said = refused(&folder.boatswain(&["run", "ap/tell"]), "UNKNOWN_APPLICATION");
    assert!(said.contains("did you mean `app`?"), "{said}");
    let output = folder.boatswain(&[]);
    assert_eq!((status(&output), stdout(&output).as_str()), (2, ""));
    for help in [&["--help"][..], &["help"], &["run", "--help"], &["--version"]] {
        let output = folder.boatswain(help);
        assert_eq!(status(&output), 0, "{help:?}");
        assert!(stdout(&output).contains("boatswain"), "{help:?}");
    }
}

#[test]
fn options_stand_anywhere_on_the_line_and_in_the_environment() {
    let folder = returns_folder();
    std::fs::create_dir_all(folder.path("else/where")).unwrap();
    std::fs::rename(folder.path("app-params.toml"), folder.path("else/params.toml")).unwrap();
    let run = |arguments: &[&str], environment: &[(&str, &str)]| {
        let mut command = folder.command(arguments);
        command.envs(environment.iter().copied()).stdin(Stdio::null()).output().unwrap()
    };
    refused(&run(&["run", "app/number"], &[]), "PARAMS_UNREADABLE");
    let works = |arguments: &[&str], environment: &[(&str, &str)]| {
        let output = run(arguments, environment);
        assert_eq!(stdout(&output), "42.5\n", "{arguments:?} {environment:?}: {}", stderr(&output));
        assert!(!folder.path("data").exists(), "the data folder is where it was said");
    };
    let (params, scripts, data) = ("else/params.toml", "scripts", "else/where/data");
    works(&["--params", params, "--scripts", scripts, "--data", data, "run", "app/number"], &[]);
    works(&["run", "--params", params, "app/number", "--scripts", scripts, "--data", data], &[]);
    works(
        &["run", "app/number", "--data=else/where/data", "--params=else/params.toml", "--scripts=scripts"],
        &[],
    );
    let all = [("BOATSWAIN_PARAMS", params), ("BOATSWAIN_SCRIPTS", scripts), ("BOATSWAIN_DATA", data)];
    works(&["run", "app/number"], &all);
    let wrong = [
        ("BOATSWAIN_PARAMS", "wrong"),
        ("BOATSWAIN_SCRIPTS", "wrong"),
        ("BOATSWAIN_DATA", "else/params.toml"),
    ];
    works(&["run", "app/number", "--params", params, "--scripts", scripts, "--data", data], &wrong);
    // Without options, folders stand beside the parameter file, wherever the command is given.
    std::fs::rename(folder.path("scripts"), folder.path("else/scripts")).unwrap();
    works(&["run", "--params", params, "app/number"], &[]);
    assert!(folder.path("else/data/apps/app.db").exists());
    // As does the log's format, before and after the command.
    for environment in [&[("BOATSWAIN_LOG_FORMAT", "json")][..], &[]] {
        let format: &[&str] = if environment.is_empty() { &["--log-format", "json"] } else { &[] };
        let mut arguments = vec!["messages", "list", "--params", params];
        arguments.extend(format);
        assert_eq!(status(&run(&arguments, environment)), 0);
    }
    refused(&run(&["messages", "list"], &[("BOATSWAIN_LOG_FORMAT", "xml")]), "USAGE");
}

#[test]
fn check_says_every_problem_at_once() {
    let folder = Folder::with_params(
        "return 1",
        &format!(
            "[host]\nlisten = \"127.0.0.1:0\"\n[applications.app.WHATSAPP]\nenvironment = \"simulator\"\n\
             account_id = \"{ACCOUNT}\"\nauth_key = \"x\"\nwhatsapp_callback = \"calback\"\n\
             [applications.other.WHATSAPP]\nenvironment = \"simulator\"\n"
        ),
    );
    folder.write("scripts/app/broken.js", "const a = 1;\n  const = 2;");
    folder.write("scripts/app/lib/closes.js", "}; exports.x = 1; {");
    folder.write("scripts/app/migrations/002.sql", "CREATE TABLE good(x);\nCREATE TABEL wrong(x);");
    let output = folder.boatswain(&["check"]);
    let said = stderr(&output);
    assert_eq!((status(&output), stdout(&output).as_str()), (1, ""), "{said}");
    for part in [
        "scripts/app/broken.js:2:",
        "scripts/app/lib/closes.js:1:",
        "scripts/app/migrations/002.sql:2:",
        "error[UNKNOWN_ACTION]: whatsapp_callback of `app` names `calback`",
        "did you mean `callback`?",
        "error[SCRIPTS_UNREADABLE]: ",
        "5 errors",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let output = folder.boatswain(&["check", "--json"]);
    assert_eq!(status(&output), 1);
    let problems: Vec<Value> =
        stdout(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(problems.iter().filter(|problem| problem["severity"] == "error").count(), 5, "{problems:?}");
    assert!(problems.iter().all(|problem| problem["code"].is_string() && problem["message"].is_string()));
    assert!(!folder.path("data").exists(), "checking leaves nothing behind");

    // A mistake in the parameters does not hide those in scripts and migrations.
    let params = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    folder.write("app-params.toml", &params.replace("account_id", "account_sid"));
    let said = stderr(&folder.boatswain(&["check"]));
    for part in
        ["app-params.toml:5:1", "did you mean `account_id`?", "broken.js:2:", "closes.js:1:", "002.sql:2:"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_missing_folder_of_scripts_is_one_mistake() {
    let folder = Folder::with_params("return 1", "");
    let section = |app: &str| {
        format!(
            "[applications.{app}.WHATSAPP]\nenvironment = \"simulator\"\nwhatsapp_callback = \"callback\"\n"
        )
    };
    folder.write("app-params.toml", &["one", "two", "three"].map(section).concat());
    std::fs::remove_dir_all(folder.path("scripts")).unwrap();
    for command in ["check", "test"] {
        let said = stderr(&folder.boatswain(&[command]));
        assert_eq!(said.matches("error[").count(), 1, "{said}");
        let expected = "error[SCRIPTS_UNREADABLE]: there is no folder of scripts\n  --> ";
        assert!(said.contains(expected) && said.contains("help: make it, or name another one"), "{said}");
    }
}

#[test]
fn check_of_a_sound_folder_ends_well() {
    let folder = returns_folder();
    std::fs::remove_file(folder.path("scripts/app/broken.js")).unwrap();
    let output = folder.boatswain(&["check"]);
    assert_eq!((status(&output), stdout(&output).as_str()), (0, ""), "{}", stderr(&output));
    assert!(stderr(&output).contains("0 errors"), "{}", stderr(&output));
    let output = folder.boatswain(&["check", "--json"]);
    assert_eq!(status(&output), 0);
    for line in stdout(&output).lines() {
        assert_eq!(serde_json::from_str::<Value>(line).unwrap()["severity"], "warning");
    }
    assert_eq!(status(&folder.boatswain(&["check", "--params", "nothere.toml"])), 1);
}

#[test]
fn serve_says_what_stands_in_its_way() {
    let folder = returns_folder();
    let host = folder.serve();
    let said = refused(&folder.boatswain(&["serve"]), "DATA_LOCKED");
    assert!(said.contains("data"), "{said}");
    // The first one does not mind.
    assert_eq!(request(&host.url, "GET", "/readyz", &[], b"").status, 200);
    assert_eq!(stdout(&folder.boatswain(&["run", "app/number"])), "42.5\n");

    let taken = host.url.trim_start_matches("http://").to_owned();
    let said = refused(&folder.boatswain(&["serve", "--data", "other", "--listen", &taken]), "LISTEN");
    assert!(said.contains(&taken), "{said}");
    let mut both = Folder::new("", "");
    let params = std::fs::read_to_string(both.path("app-params.toml")).unwrap();
    let simulator = params.replace(
        "[simulator]\n                listen = \"127.0.0.1:0\"",
        &format!("[simulator]\nlisten = \"{taken}\""),
    );
    assert_ne!(simulator, params);
    both.write("app-params.toml", &simulator);
    let said = refused(&both.boatswain(&["serve"]), "LISTEN");
    assert!(said.contains("[simulator] listen"), "{said}");
    // Where both are taken, both are told.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let own = listener.local_addr().unwrap().to_string();
    let said = stderr(&both.boatswain(&["serve", "--listen", &own]));
    assert_eq!(said.matches("error[LISTEN]: ").count(), 2, "{said}");
    for (address, section) in [(&own, "[host] listen"), (&taken, "[simulator] listen")] {
        assert!(said.contains(&format!(" listen on {address}: ")) && said.contains(section), "{said}");
    }
    assert_eq!(host.terminate(), Some(0));

    // The data folder stands below a file, or is one, or what is in it is no database.
    for data in ["app-params.toml/data", "app-params.toml"] {
        for command in [&["serve"][..], &["run", "app/number"]] {
            let mut arguments = command.to_vec();
            arguments.extend(["--data", data]);
            let said = refused(&folder.boatswain(&arguments), "DATA_FOLDER");
            assert!(said.contains("app-params.toml"), "{said}");
        }
    }
    both = returns_folder();
    both.write("data/host.db", &"this is no database ".repeat(100));
    assert!(refused(&both.boatswain(&["serve"]), "DATABASE_OPEN").contains("host.db"));
    assert!(refused(&both.boatswain(&["runs", "list"]), "DATABASE_OPEN").contains("host.db"));

    // Parameters: every mistake with its place and the nearest name.
    let folder = returns_folder();
    let params = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    folder.write("app-params.toml", &params.replace("auth_key", "auth_token").replace("listen", "lisen"));
    for command in [&["serve"][..], &["run", "app/number"], &["messages", "list"], &["simulator"]] {
        let said = refused(&folder.boatswain(command), "UNKNOWN_KEY");
        assert!(
            said.contains("did you mean `auth_key`?") && said.contains("did you mean `listen`?"),
            "{said}"
        );
        assert!(said.contains("app-params.toml:3:17"), "{said}");
    }
    folder.write("app-params.toml", &params);
    folder.write("scripts/app/migrations/002.sql", "CREATE TABEL wrong(x);");
    for command in [&["serve"][..], &["run", "app/number"]] {
        let said = refused(&folder.boatswain(command), "MIGRATION_FAILED");
        assert!(said.contains("002.sql:1:") && said.contains("help: nothing of it was kept: mend"), "{said}");
    }
    // Of a trial nothing is kept anyway.
    let said = stderr(&folder.boatswain(&["check"]));
    assert!(said.contains("error[MIGRATION_FAILED]: ") && said.contains("help: mend the file\n"), "{said}");
    folder.write("scripts/app/migrations/002.sql", "CREATE TABLE right(x);");
    assert_eq!(stdout(&folder.boatswain(&["run", "app/number"])), "42.5\n", "mended: it goes on");
    // One that a new database would apply before what this one has.
    folder.write("scripts/app/migrations/0011.sql", "ALTER TABLE right ADD COLUMN y;");
    for command in [&["serve"][..], &["run", "app/number"]] {
        let said = refused(&folder.boatswain(command), "MIGRATION_ORDER");
        assert!(said.contains("0011.sql") && said.contains("sorts after 002.sql"), "{said}");
    }
    assert!(stderr(&folder.boatswain(&["check"])).contains("error[MIGRATION_ORDER]: "));
    std::fs::remove_file(folder.path("scripts/app/migrations/0011.sql")).unwrap();
    folder.write("scripts/app/migrations/002.sql", "CREATE TABLE another(x);");
    let anew = "stop the host and delete ";
    let database = "data/apps/app.db (with -wal and -shm): it is made anew at the next start";
    let says_how_to_begin_anew = |said: &str| said.contains(anew) && said.contains(database);
    let said = refused(&folder.boatswain(&["serve"]), "MIGRATION_CHANGED");
    assert!(said.contains("002.sql") && says_how_to_begin_anew(&said), "{said}");
    let said = stderr(&folder.boatswain(&["check"]));
    assert!(said.contains("error[MIGRATION_CHANGED]: ") && says_how_to_begin_anew(&said), "{said}");
    std::fs::remove_file(folder.path("scripts/app/migrations/002.sql")).unwrap();
    let said = stderr(&folder.boatswain(&["check"]));
    assert!(said.contains("warning[MIGRATION_GONE]: ") && said.contains("migrations/002.sql"), "{said}");
    assert!(says_how_to_begin_anew(&said), "{said}");
    // As it says.
    folder.write("scripts/app/migrations/002.sql", "CREATE TABLE another(x);");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.path(&format!("data/apps/app.db{end}")));
    }
    assert_eq!(stdout(&folder.boatswain(&["run", "app/number"])), "42.5\n");
    folder.write("app-params.toml", "");
    assert_eq!(status(&folder.boatswain(&["check"])), 0, "nothing configured is not wrong");
    let elsewhere = ["simulator", "--listen", "192.0.2.1:0"];
    assert!(stderr(&folder.boatswain(&elsewhere)).contains("note: no application uses the simulator"));
    std::fs::remove_file(folder.path("app-params.toml")).unwrap();
    assert!(!stderr(&folder.boatswain(&elsewhere)).contains("note: "), "it has an account of its own");
    let named = [&["--params", "app-params.toml"], &elsewhere[..]].concat();
    refused(&folder.boatswain(&named), "PARAMS_UNREADABLE");
}

#[test]
fn messages_notifications_and_runs_are_shown_the_same_through_a_host_and_without() {
    let folder = Folder::new(NOTE, "");
    folder.write(
        "scripts/app/send.js",
        "console.log('sending'); return utils.whatsapp.send({ to: vo.to, body: 'Ciao' }).success",
    );
    folder.write("scripts/app/fail.js", "throw new Error('on purpose')");
    let host = folder.serve();
    let run = |action: &str, to: &str| {
        let vo = json!({ "to": to }).to_string();
        stdout(&folder.boatswain(&["run", action, "--vo", &vo]))
    };
    assert_eq!(run("app/send", "+393331234567"), "true\n");
    assert_eq!(run("app/send", "+393990163007"), "false\n");
    assert_eq!(run("app/fail", ""), "");
    for status in ["sent", "delivered", "read"] {
        host.wait_for(&format!("effect {status}"));
    }
    let looks: [&[&str]; 12] = [
        &["messages", "list", "--json"],
        &["messages", "list"],
        &["messages", "list", "--status", "read", "--json"],
        &["messages", "list", "--app", "app", "--company", "NODEFINED", "--limit", "1", "--json"],
        &["messages", "list", "--company", "OTHER", "--json"],
        &["notifications", "list", "--json"],
        &["notifications", "list", "--status", "done"],
        &["notifications", "show", "1", "--json"],
        &["notifications", "show", "1"],
        &["runs", "list", "--json"],
        &["runs", "list", "--status", "thrown"],
        &["runs", "show", "1"],
    ];
    let through_host: Vec<_> = looks.iter().map(|look| stdout(&folder.boatswain(look))).collect();
    assert_eq!(host.terminate(), Some(0));
    for (look, through_host) in looks.iter().zip(through_host) {
        let output = folder.boatswain(look);
        assert_eq!((status(&output), stdout(&output)), (0, through_host), "{look:?}");
    }

    let table = stdout(&folder.boatswain(&["messages", "list"]));
    let first = table.lines().find(|line| line.contains(" read ")).unwrap();
    let cells: Vec<&str> = first.split_whitespace().collect();
    assert!(cells[0].starts_with("SM") && cells[1..4] == ["app", "+39…67", "read"], "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
    for (asked, list) in [("trace", "messages list"), ("runs show", "runs list")] {
        let asked: Vec<&str> = asked.split(' ').chain(["SM00000000000000000000000000000099"]).collect();
        let output = folder.boatswain(&asked);
        assert_eq!(status(&output), 1);
        assert!(stderr(&output).contains(&format!("help: `boatswain {list}`")), "{}", stderr(&output));
    }

    let fields = |row: &Value, names: &[&str]| {
        let object = row.as_object().unwrap();
        for name in names {
            assert!(object.contains_key(*name), "{name}: {row}");
        }
    };
    let messages = json_lines(&folder.boatswain(&["messages", "list", "--json"]));
    assert_eq!(messages.len(), 2, "newest first: {messages:?}");
    for message in &messages {
        fields(
            message,
            &[
                "id",
                "sid",
                "appId",
                "companyId",
                "to",
                "from",
                "status",
                "errorCode",
                "errorMessage",
                "createdAt",
                "updatedAt",
            ],
        );
    }
    assert_eq!(messages[0]["status"], "failed");
    assert_eq!(messages[0]["errorCode"], 63007);
    assert_eq!(messages[0]["sid"], Value::Null);
    assert_eq!(messages[1]["status"], "read");
    assert_eq!(messages[1]["to"], "+39…67");
    assert_eq!(messages[1]["from"], "whatsapp:+14155238886");
    let sid = messages[1]["sid"].as_str().unwrap();
    let id = messages[1]["id"].as_str().unwrap();
    for key in [sid, id] {
        let shown = json_lines(&folder.boatswain(&["messages", "show", key, "--json"]));
        assert_eq!(shown.len(), 1);
        assert_eq!(shown[0]["id"], id);
        assert_eq!(shown[0]["notifications"].as_array().unwrap().len(), 3);
    }
    assert!(stdout(&folder.boatswain(&["messages", "list"])).contains(sid));

    let notifications = json_lines(&folder.boatswain(&["notifications", "list", "--json"]));
    let statuses: Vec<_> = notifications.iter().map(|row| row["messageStatus"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["read", "delivered", "sent"]);
    for notification in &notifications {
        fields(
            notification,
            &[
                "id",
                "appId",
                "companyId",
                "messageSid",
                "messageStatus",
                "state",
                "attempts",
                "nextAttemptAt",
                "receivedAt",
                "source",
            ],
        );
        assert_eq!((&notification["state"], &notification["attempts"]), (&json!("done"), &json!(1)));
        assert_eq!(notification["source"], "callback");
        assert_eq!(notification["messageSid"], sid);
    }
    let shown = &json_lines(&folder.boatswain(&["notifications", "show", "1", "--json"]))[0];
    assert_eq!(shown["form"]["MessageStatus"], "sent");
    assert_eq!(shown["run"]["reason"], "completed");

    let runs = json_lines(&folder.boatswain(&["runs", "list", "--json"]));
    assert_eq!(runs.len(), 6);
    for run in &runs {
        fields(
            run,
            &[
                "id",
                "appId",
                "companyId",
                "actionId",
                "reason",
                "cpuMs",
                "wallMs",
                "peakMemoryBytes",
                "hostCalls",
                "error",
                "startedAt",
            ],
        );
    }
    let failed: Vec<_> = runs.iter().filter(|run| run["reason"] != "completed").collect();
    assert_eq!(failed.len(), 1);
    assert_eq!((&failed[0]["actionId"], &failed[0]["reason"]), (&json!("fail"), &json!("thrown")));
    assert!(failed[0]["error"].to_string().contains("on purpose"), "{}", failed[0]);
    let send = runs.iter().find(|run| run["actionId"] == "send").unwrap();
    let shown = stdout(&folder.boatswain(&["runs", "show", &send["id"].to_string()]));
    assert!(shown.contains("sending"), "its log: {shown}");

    for look in [
        ["messages", "show", "nothing"],
        ["messages", "show", "../x?y"],
        ["notifications", "show", "99"],
        ["notifications", "show", "x"],
        ["runs", "show", "-1"],
    ] {
        let output = folder.boatswain(&look);
        if look[2] == "-1" {
            assert_eq!(status(&output), 2, "an option that there is not");
            continue;
        }
        assert_eq!((status(&output), stdout(&output).as_str()), (1, ""), "{look:?}");
        assert!(stderr(&output).contains("error[NOT_FOUND]: "), "{look:?}: {}", stderr(&output));
    }
}

#[test]
fn before_any_host_has_run_there_is_nothing_to_show() {
    let folder = returns_folder();
    for kind in ["messages", "notifications", "runs"] {
        let output = folder.boatswain(&[kind, "list", "--json"]);
        assert_eq!((status(&output), stdout(&output).as_str()), (0, ""), "{kind}");
        assert_eq!(status(&folder.boatswain(&[kind, "show", "1"])), 1, "{kind}");
    }
    assert!(!folder.path("data").exists());
}

#[test]
fn no_secret_is_in_any_output_or_database() {
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
    let environment = [("AUTH", AUTH), ("BOATSWAIN_LOG", "trace")];
    let host = folder.serve_with(&environment);
    let answer = callback(&host.url, &host.url, PATH, &form(&sid(1), "sent"), AUTH);
    assert_eq!(answer.status, 204);
    assert_eq!(callback(&host.url, &host.url, PATH, &form(&sid(1), "sent"), "wrong").status, 403);
    host.wait_for(&format!("effect of {}", sid(1)));
    let mut said = Vec::new();
    let mut look = |arguments: &[&str]| {
        let output = folder.command(arguments).envs(environment).stdin(Stdio::null()).output().unwrap();
        said.push((format!("{arguments:?}"), stdout(&output) + &stderr(&output)));
    };
    let looks: [&[&str]; 12] = [
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
        assert_eq!(status(&output), 1, "{wrong}: {}", stderr(&output));
        if !wrong.starts_with("account_id") {
            said.push((format!("check of {wrong}"), stdout(&output) + &stderr(&output)));
        }
    }
    for (place, text) in &said {
        for secret in [AUTH, NEXT, API, COMPANY, GIVEN] {
            if let Some(at) = text.find(secret) {
                let around: String =
                    text[..at].chars().rev().take(200).collect::<Vec<_>>().into_iter().rev().collect();
                panic!("{secret} is in {place}, after: {around}");
            }
        }
    }
}

#[test]
fn a_vo_that_is_too_large_is_refused_beside_a_host_and_without_one() {
    let folder = Folder::new("return vo.text.length", "[applications.app.limits]\nvo_kb = 256");
    let vo = |length: usize| json!({ "text": "x".repeat(length) }).to_string();
    folder.write("large.json", &vo(256 << 10));
    folder.write("right.json", &vo(255 << 10));
    let look = |folder: &Folder| {
        let refused = folder.boatswain(&["run", "app/callback", "--vo", "@large.json"]);
        assert_eq!((status(&refused), stdout(&refused).as_str()), (2, ""));
        let said = stderr(&refused);
        assert!(said.contains("error[VO_TOO_LARGE]") && said.contains("limits.vo_kb = 256"), "{said}");
        let taken = folder.boatswain(&["run", "app/callback", "--vo", "@right.json"]);
        assert_eq!((status(&taken), stdout(&taken).trim()), (0, "261120"), "{}", stderr(&taken));
    };
    look(&folder);
    let host = folder.serve();
    look(&folder);
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn closed_pipes_do_not_stop_serve() {
    let folder = Folder::new(NOTE, "");
    let mut child = folder
        .command(&["serve"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let url = {
        use std::io::BufRead;
        let mut lines = std::io::BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let url = lines.find(|line| line.starts_with("listening")).unwrap();
        assert!(lines.any(|line| line == "ready"));
        url.split_whitespace().last().unwrap().to_owned()
    };
    drop(child.stderr.take());
    // Whatever it logs now goes nowhere: an accepted callback, a refused one, a run with a log line.
    assert_eq!(callback(&url, &url, PATH, &form(&sid(1), "sent"), crate::host::TOKEN).status, 204);
    assert_eq!(callback(&url, &url, PATH, &form(&sid(1), "sent"), "wrong").status, 403);
    while json_lines(&folder.boatswain(&["notifications", "list", "--status", "done", "--json"])).is_empty() {
    }
    crate::host::signal(child.id(), "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(folder.texts("SELECT sid FROM effects"), [sid(1)]);
}

#[test]
fn a_reader_that_goes_away_does_not_make_a_list_panic() {
    let folder = returns_folder();
    let mut child = folder
        .command(&["run", "app/text"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.code().is_some(), "{output:?}");
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
}
