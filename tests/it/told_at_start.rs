//! A script that cannot be loaded fails its own runs; the host starts, and its log says at once which scripts these are.

use boatswain::Host;
use boatswain::script::WorkerCommand;
use serde_json::Value;

use crate::host::{ACCOUNT, Folder, HostProcess, TOKEN, callback, form, request, runtime, sid};

const PATH: &str = "/whatsapp/callback/app/NODEFINED";
const UNLOADABLE: &str = "a script cannot be loaded, and each run of it fails: ";

/// With a file that does not compile, one that ends who compiles it, and data that is none.
fn broken() -> Folder {
    // Time enough to find out how deep it is nested, also where others use the processor.
    let folder = Folder::new("console.log('it runs');", "[applications.app.limits]\ncpu_ms = 20000\n");
    folder.write("scripts/app/broken.js", "const a = 1;\nreturn a +;\n");
    folder.write("scripts/app/deep.js", &format!("return {}1{}", "[".repeat(100_000), "]".repeat(100_000)));
    folder.write("scripts/app/lib/bad.json", "{\n  \"a\": }");
    folder
}

/// It takes and runs what it can.
fn is_at_work(host: &HostProcess) {
    assert_eq!(request(&host.url, "GET", "/readyz", &[], b"").status, 200);
    assert_eq!(callback(&host.url, &host.url, PATH, &form(&sid(1), "sent"), TOKEN).status, 204);
    host.wait_for("it runs");
}

#[test]
fn each_is_told_with_its_place_the_code_and_what_to_do() {
    let folder = broken();
    let host = folder.serve();
    is_at_work(&host);
    let told = host.wait_for("scripts/app/broken.js:2:11");
    assert!(told.contains("ERROR") && told.contains(UNLOADABLE), "{told}");
    assert!(told.contains("app=app code=\"SCRIPT_SYNTAX\""), "{told}");
    host.wait_for("      > 2 | return a +;");
    host.wait_for("          |           ^");
    let told = host.wait_for("scripts/app/deep.js");
    assert!(told.contains("SCRIPT_UNREADABLE") && told.contains("nested too deeply"), "{told}");
    host.wait_for("scripts/app/lib/bad.json:2:");
    host.wait_for_many("      help: ", 3);
    // A refused change says the same, and what is told already is not told again.
    folder.write("scripts/app/callback.js", "const a = 1;\nreturn a +;\n");
    let told = host.wait_for("changes are refused");
    assert!(told.contains("app=app code=\"SCRIPT_SYNTAX\" place=scripts/app/callback.js:2:11"), "{told}");
    host.wait_for_many("      > 2 | return a +;", 2);
    host.wait_for_many("      help: ", 4);
    assert_eq!(host.said().matches(UNLOADABLE).count(), 3, "{}", host.said());
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn in_json_frame_and_help_are_fields_and_no_field_is_empty() {
    let folder = broken();
    let host = folder.serve_with(&[("BOATSWAIN_LOG_FORMAT", "json")]);
    is_at_work(&host);
    host.wait_for("bad.json:2:");
    let sound = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    folder.write("app-params.toml", "[host");
    host.wait_for("PARAMS_SYNTAX");
    folder.write("app-params.toml", &sound);
    host.wait_for("again what is in force");
    let said = host.said();
    let records = said.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let records: Vec<_> = records.filter(|record| record["target"] == "boatswain::runtime::tell").collect();
    assert!(records.len() >= 5, "{said}");
    for record in &records {
        let fields = record.as_object().unwrap();
        assert!(fields.values().all(|value| !value.is_null() && *value != ""), "{record}");
    }
    let told = records.iter().find(|record| record["place"] == "scripts/app/broken.js:2:11").unwrap();
    assert_eq!(
        (&told["level"], &told["code"], &told["app"]),
        (&"ERROR".into(), &"SCRIPT_SYNTAX".into(), &"app".into())
    );
    assert_eq!(told["code_frame"], "  1 | const a = 1;\n> 2 | return a +;\n    |           ^");
    assert!(told["help"].is_string());
    let told = records.iter().find(|record| record["code"] == "PARAMS_SYNTAX").unwrap();
    assert!(
        told["help"].is_string() && told.get("app").is_none() && told.get("code_frame").is_none(),
        "{told}"
    );
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn there_is_an_end_to_what_is_told_and_a_new_application_is_judged_as_well() {
    let folder = Folder::new("console.log('it runs');", "");
    let sound = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    let host = folder.serve();
    for number in 0..25 {
        folder.write(&format!("scripts/second/broken{number:02}.js"), "return (");
    }
    let second = format!(
        "{sound}\n[applications.second.WHATSAPP]\nenvironment = \"simulator\"\naccount_id = \"{ACCOUNT}\"\n\
         auth_key = \"{TOKEN}\"\nfrom_phone_number = \"+14155238887\"\n"
    );
    folder.write("app-params.toml", &second);
    host.wait_for("a new application is taken in");
    let more = host.wait_for("there is more that is wrong");
    assert!(more.contains("app=second more=5"), "{more}");
    assert_eq!(host.said().matches(UNLOADABLE).count(), 20, "{}", host.said());
    is_at_work(&host);
    assert_eq!(host.terminate(), Some(0));
}

/// Limits decide, too, what can be loaded.
#[test]
fn what_lower_limits_keep_from_being_loaded_is_told() {
    let limits = |cpu_ms: u32| format!("[applications.app.limits]\ncpu_ms = {cpu_ms}\n");
    let folder = Folder::new("console.log('it runs');", &limits(30_000));
    folder.write("scripts/app/long.js", &"console.log([1, 2, 3].map((one) => one + 1));\n".repeat(2_000));
    let host = folder.serve();
    let params = std::fs::read_to_string(folder.path("app-params.toml")).unwrap();
    folder.write("app-params.toml", &params.replace(&limits(30_000), &limits(1)));
    let told = host.wait_for(UNLOADABLE);
    assert!(told.contains("limits.cpu_ms = 1") && told.contains("scripts/app/long.js"), "{told}");
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn a_host_starts_although_nothing_can_judge_its_scripts() {
    let folder = Folder::new("return (", "");
    let params = boatswain::config::load(&folder.path("app-params.toml")).unwrap().params;
    let worker = WorkerCommand { program: "/nonexistent".into(), arguments: Vec::new() };
    runtime().block_on(async {
        let host = Host::builder(params, worker).serve().await.unwrap();
        let ready = reqwest::get(format!("{}/readyz", host.public_url())).await.unwrap();
        assert_eq!(ready.status(), 200);
        // A change is refused by one problem, and not by one a file.
        folder.write("scripts/app/callback.js", "return 1");
        folder.write("scripts/app/other.js", "return 1");
        let refused = host.reload().await.refused;
        assert_eq!(refused.len(), 1, "{refused:?}");
        assert!(refused[0].code == "NO_WORKERS" && refused[0].help.is_some(), "{refused:?}");
        assert!(host.stop(std::time::Duration::from_mins(1)).await);
    });
}
