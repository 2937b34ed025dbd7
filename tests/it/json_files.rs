//! JSON files of an application: they are read with its scripts, checked with them, and part of their version.

use std::process::Output;

use crate::host::Folder;

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn status(output: &Output) -> Option<i32> {
    output.status.code()
}

fn folder() -> Folder {
    let folder = Folder::new("return 1", "");
    folder.write("scripts/app/price.js", "return require('./lib/prices').coffee");
    folder.write("scripts/app/lib/prices.json", "{ \"coffee\": 120 }");
    folder
}

#[test]
fn a_script_reads_them_and_a_change_is_seen_by_the_next_run() {
    let folder = folder();
    let price = || stdout(&folder.boatswain(&["run", "app/price"])).trim().to_owned();
    assert_eq!(price(), "120");
    folder.write("scripts/app/lib/prices.json", "{ \"coffee\": 130 }");
    assert_eq!(price(), "130");
}

#[test]
fn check_names_the_place_of_what_is_no_json() {
    let folder = folder();
    folder.write("scripts/app/jsconfig.json", "{ // an editor's\n}");
    let output = folder.boatswain(&["check"]);
    assert_eq!(status(&output), Some(0), "{}", stderr(&output));
    folder.write("scripts/app/lib/prices.json", "{\n  \"coffee\": 120,\n}");
    let output = folder.boatswain(&["check"]);
    assert_eq!(status(&output), Some(1));
    let said = stderr(&output);
    assert!(said.contains("SyntaxError: not JSON: trailing comma"), "{said}");
    assert!(said.contains("scripts/app/lib/prices.json:3:1"), "{said}");
    // So does the run that requires it.
    let output = folder.boatswain(&["run", "app/price"]);
    assert_eq!(status(&output), Some(1));
    assert!(stderr(&output).contains("scripts/app/lib/prices.json:3:1"), "{}", stderr(&output));
}
