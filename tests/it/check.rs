//! `boatswain check`: mistakes in scripts, tests, and files that nothing reaches; with place and remedy, and none where
//! there is none.

use std::path::Path;

use serde_json::Value;

use crate::host::{ACCOUNT, Folder};

/// What `check --json` says about scripts, and its exit status. One line each: `severity CODE file:line:column`.
fn told_of(folder: &Folder) -> (Vec<String>, i32) {
    let output = folder.boatswain(&["check", "--json"]);
    let told = String::from_utf8(output.stdout).unwrap();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of_scripts = told.iter().filter(|one| one["code"] != "CONFINEMENT_MISSING");
    let lines = of_scripts.map(|one| {
        assert!(
            one["help"].as_str().is_some_and(|help| !help.is_empty()) || one["code"] == "SCRIPT_SYNTAX",
            "{one}"
        );
        let place = &one["place"];
        let file = Path::new(place["file"].as_str().unwrap()).strip_prefix("scripts").ok();
        let file = file.map_or_else(|| "app-params.toml".to_owned(), |file| file.display().to_string());
        let position =
            place["position"].as_array().map(|at| format!(":{}:{}", at[0], at[1])).unwrap_or_default();
        format!("{} {} {file}{position}", one["severity"].as_str().unwrap(), one["code"].as_str().unwrap())
    });
    (lines.collect(), output.status.code().unwrap())
}

fn folder(scripts: &[(&str, &str)]) -> Folder {
    let folder = Folder::new("return vo.MessageSid", "");
    for (path, text) in scripts {
        folder.write(&format!("scripts/{path}"), text);
    }
    folder
}

#[test]
fn mistakes_in_scripts_are_told_and_only_errors_change_the_exit_status() {
    let warned = [
        ("app/callback.js", "return vo.messageSid"),
        ("app/loses.js", "async function main() { await null }\nmain()"),
        ("app/lib/parse.js", "exports.f = () => utils.executeQuery('SELECT 1').map((row) => row)"),
        ("app/counts.js", "utils.getParameter()"),
    ];
    let (told, status) = told_of(&folder(&warned));
    assert_eq!(
        (told.join("\n").as_str(), status),
        (
            "warning VO_FIELD app/callback.js:1:11\n\
             warning ARGUMENT_COUNT app/counts.js:1:1\n\
             warning OUTCOME_NOT_PARSED app/lib/parse.js:1:50\n\
             warning NOT_AWAITED app/loses.js:2:1",
            0
        )
    );
    let (told, status) = told_of(&folder(&[
        ("app/a.js", "utils.sendWhatsapMessage('+39')"),
        ("app/b.js", "return require('./lib/ordres')"),
        ("app/lib/orders.js", "exports.x = totl"),
        ("app/c.js", "exports.handler = async () => 1"),
        ("app/d.js", "import x from 'x'"),
        ("app/e.js", "await import('./lib/orders.js')"),
        ("app/f.test.js", "test('x', () => { assert.equal(1, 1); tset(); })"),
        ("app/g.test.js", "test('x', () => {"),
    ]));
    assert_eq!(
        (told.join("\n").as_str(), status),
        (
            "error SCRIPT_SYNTAX app/d.js:1:8\n\
             error SCRIPT_SYNTAX app/g.test.js:1:18\n\
             error UNKNOWN_NAME app/a.js:1:7\n\
             error UNKNOWN_MODULE app/b.js:1:16\n\
             error EXPORTS_IN_ACTION app/c.js:1:1\n\
             error FOREIGN_HABIT app/e.js:1:7\n\
             error UNKNOWN_NAME app/lib/orders.js:1:13\n\
             error UNKNOWN_NAME app/f.test.js:1:39",
            1
        )
    );
}

#[test]
fn a_mistake_is_shown_with_its_place_and_the_nearest_name() {
    let output = folder(&[("app/a.js", "\n  utils.sendWhatsapMessage('+39')")]).boatswain(&["check"]);
    let said = String::from_utf8(output.stderr).unwrap();
    let wanted = "error[UNKNOWN_NAME]: `utils` has no `sendWhatsapMessage`\n  --> scripts/app/a.js:2:9\n\
                  help: did you mean `utils.sendWhatsappMessage`?\n";
    assert!(said.contains(wanted), "{said}");
}

/// A file that another one requires is a module, wherever it lies; and so may any be where a path is put together.
#[test]
fn a_module_may_lie_outside_of_lib() {
    let module = ("app/util.js", "module.exports = { x: 1 }");
    let sound = (Vec::new(), 0);
    assert_eq!(told_of(&folder(&[module, ("app/a.js", "return require('./util').x")])), sound);
    assert_eq!(told_of(&folder(&[module, ("app/a.js", "return require('./' + vo.name)")])), sound);
    let (told, status) = told_of(&folder(&[module, ("app/a.js", "return 1")]));
    assert_eq!((told, status), (vec!["error EXPORTS_IN_ACTION app/util.js:1:1".to_owned()], 1));
}

#[test]
fn what_nothing_reaches_is_told() {
    let (told, status) = told_of(&folder(&[
        ("app/orders.mjs", "export default 1"),
        ("app/lib/money.ts", "const x: number = 1"),
        ("app/types.d.ts", "declare const x: number"),
        ("app/node_modules/left-pad/index.js", "module.exports = require('fs')"),
        ("ap/x.js", "return 1"),
        (".git/x.js", "return 1"),
    ]));
    assert_eq!(
        (told.join("\n").as_str(), status),
        (
            "warning FOREIGN_FILE app/node_modules\n\
             warning FOREIGN_FILE app/lib/money.ts\n\
             warning FOREIGN_FILE app/orders.mjs\n\
             warning UNUSED_FOLDER ap",
            0
        )
    );
}

#[test]
fn an_action_that_there_is_not_is_told_where_it_is_named() {
    let params = format!(
        "[host]\nlisten = \"127.0.0.1:0\"\n[applications.app.WHATSAPP]\nenvironment = \"simulator\"\n\
         account_id = \"{ACCOUNT}\"\nauth_key = \"x\"\nwhatsapp_callback = \"onWhatsappstatus\"\n"
    );
    let folder = Folder::with_params("return 1", &params);
    folder.write("scripts/app/onWhatsappStatus.js", "return 1");
    let output = folder.boatswain(&["check"]);
    let said = String::from_utf8(output.stderr).unwrap();
    let place = "app-params.toml:7:21\nhelp: did you mean `onWhatsappStatus`?";
    assert!(said.contains("error[UNKNOWN_ACTION]") && said.contains(place), "{said}");
}

/// The shipped application, and what the documentation shows, is without mistakes.
#[test]
fn nothing_is_told_of_what_is_shipped() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = Folder::new("return 1", "");
    let arguments = ["check", "--json", "--params"].map(str::to_owned);
    let params = root.join("app-params.toml").display().to_string();
    let data = folder.path("data").display().to_string();
    let arguments = arguments.into_iter().chain([params, "--data".into(), data]).collect::<Vec<_>>();
    let output = folder.boatswain(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let told = String::from_utf8(output.stdout).unwrap();
    let told: Vec<_> = told.lines().filter(|line| !line.contains("CONFINEMENT_MISSING")).collect();
    assert_eq!((told, output.status.code()), (Vec::new(), Some(0)));
}
