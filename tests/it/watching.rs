//! The program sees changes by itself, whatever way editors and checkouts make them, or when it is told to look.

use std::fs;

use crate::host::{ACCOUNT, Folder, HostProcess, TOKEN, callback, form, sid, signal};
use crate::pipeline::{Twilio, shown, taken};

const PATH: &str = "/whatsapp/callback/app/NODEFINED";
const TAKEN: &str = "changes are taken over";

fn noting(note: &str) -> String {
    format!(
        "utils.executeSql(\"INSERT INTO effects VALUES (:MESSAGE_SID, :MESSAGE_STATUS, '{note}')\", null);\nconsole.log('ran {note}');"
    )
}

fn post(host: &HostProcess, number: u32, key: &str) -> u16 {
    callback(&host.url, &host.url, PATH, &form(&sid(number), "sent"), key).status
}

/// As editors do: written beside, renamed over.
fn replace(folder: &Folder, name: &str, text: &str) {
    folder.write(&format!("{name}.tmp~"), text);
    fs::rename(folder.path(&format!("{name}.tmp~")), folder.path(name)).unwrap();
}

#[test]
fn every_way_of_changing_a_file_is_seen() {
    let folder = Folder::new(&noting("0"), "");
    let host = folder.serve();
    let mut times = 0;
    let mut ran = |note: &str| {
        times += 1;
        host.wait_for_many(TAKEN, times);
        assert_eq!(post(&host, u32::try_from(times).unwrap(), TOKEN), 204);
        host.wait_for(&format!("ran {note}"));
    };
    folder.write("scripts/app/callback.js", &noting("written"));
    ran("written");
    replace(&folder, "scripts/app/callback.js", &noting("renamed"));
    ran("renamed");
    // A folder that is new, and what is put into it.
    fs::create_dir_all(folder.path("scripts/app/lib/deep")).unwrap();
    folder.write("scripts/app/lib/deep/note.js", "console.log('ran module');");
    folder.write("scripts/app/callback.js", "require('./lib/deep/note');");
    ran("module");
    // A file in it, now that it is known.
    replace(&folder, "scripts/app/lib/deep/note.js", "console.log('ran deeper');");
    ran("deeper");
    // The whole application's folder is exchanged.
    folder.write("next/callback.js", &noting("exchanged"));
    fs::create_dir_all(folder.path("next/migrations")).unwrap();
    fs::copy(folder.path("scripts/app/migrations/001.sql"), folder.path("next/migrations/001.sql")).unwrap();
    fs::rename(folder.path("scripts/app"), folder.path("last")).unwrap();
    fs::rename(folder.path("next"), folder.path("scripts/app")).unwrap();
    ran("exchanged");
    replace(&folder, "scripts/app/callback.js", &noting("after"));
    ran("after");
    // Deleted with what nobody names.
    folder.write("scripts/app/other.js", "return 1");
    ran("after");
    fs::remove_file(folder.path("scripts/app/other.js")).unwrap();
    ran("after");
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.count("SELECT count(*) FROM runs WHERE reason <> 'completed'"), 0);
}

#[test]
fn a_key_in_a_file_is_seen_to_change_also_behind_links() {
    let folder = Folder::with_params(
        &noting("0"),
        &format!(
            r#"
            [host]
            listen = "127.0.0.1:0"
            [applications.app.WHATSAPP]
            environment = "sandbox"
            account_id = "{ACCOUNT}"
            auth_key = {{ file = "secrets/key" }}
            whatsapp_callback = "callback"
            "#
        ),
    );
    // As Kubernetes mounts secrets.
    folder.write("secrets/..1/key", "first");
    folder.write("secrets/..2/key", "second");
    std::os::unix::fs::symlink("..1", folder.path("secrets/..data")).unwrap();
    std::os::unix::fs::symlink("..data/key", folder.path("secrets/key")).unwrap();
    let host = folder.serve();
    assert_eq!((post(&host, 1, "first"), post(&host, 2, "second")), (204, 403));
    std::os::unix::fs::symlink("..2", folder.path("secrets/..next")).unwrap();
    fs::rename(folder.path("secrets/..next"), folder.path("secrets/..data")).unwrap();
    host.wait_for(TAKEN);
    assert_eq!((post(&host, 3, "first"), post(&host, 4, "second")), (403, 204));
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn what_is_refused_is_told_once_with_its_place_and_again_when_it_is_asked_for() {
    let folder = Folder::new(&noting("0"), "");
    let host = folder.serve();
    replace(&folder, "scripts/app/callback.js", "return 1 +;");
    let refused = host.wait_for("SCRIPT_SYNTAX");
    assert!(
        refused.contains("the version before stays in force") && refused.contains("callback.js:1:"),
        "{refused}"
    );
    // Something else changes: what is refused already is not said again.
    replace(&folder, "app-params.toml", "[host");
    host.wait_for("PARAMS_SYNTAX");
    assert_eq!(host.said().matches("SCRIPT_SYNTAX").count(), 1);
    signal(host.pid(), "-HUP");
    host.wait_for_many("SCRIPT_SYNTAX", 2);
    host.wait_for_many("PARAMS_SYNTAX", 2);
    assert_eq!(post(&host, 1, TOKEN), 204);
    host.wait_for("ran 0");
    let ready = reqwest_status(&host, "/readyz");
    assert_eq!(ready, 200);
    replace(&folder, "scripts/app/callback.js", &noting("mended"));
    host.wait_for(TAKEN);
    assert_eq!(post(&host, 2, TOKEN), 204);
    host.wait_for("ran mended");
    assert_eq!(host.terminate(), Some(0));
}

fn reqwest_status(host: &HostProcess, path: &str) -> u16 {
    crate::host::request(&host.url, "GET", path, &[], b"").status
}

#[test]
fn what_is_undone_after_a_refusal_is_told() {
    const UNDONE: &str = "again what is in force";
    let folder = Folder::new(&noting("0"), "");
    let sound = fs::read_to_string(folder.path("app-params.toml")).unwrap();
    let host = folder.serve();
    replace(&folder, "scripts/app/callback.js", "return 1 +;");
    host.wait_for("SCRIPT_SYNTAX");
    replace(&folder, "scripts/app/callback.js", &noting("0"));
    let undone = host.wait_for("the files are again what is in force");
    assert!(undone.contains("INFO") && undone.ends_with("app=app"), "{undone}");
    replace(&folder, "app-params.toml", "[host");
    host.wait_for("PARAMS_SYNTAX");
    replace(&folder, "app-params.toml", &sound);
    host.wait_for("the parameter file is again what is in force");
    // An application that was refused, and is taken out again.
    let second = sound.replace("applications.app.", "applications.second.");
    let (_, second) = second.split_at(second.find("[applications").unwrap());
    folder.write("scripts/second/migrations/1.sql", "CREATE TABEL wrong (x);");
    replace(&folder, "app-params.toml", &format!("{sound}\n{second}"));
    host.wait_for("MIGRATION_FAILED");
    replace(&folder, "app-params.toml", &sound);
    host.wait_for_many(UNDONE, 3);
    // Nothing was refused, so nothing is undone.
    replace(&folder, "scripts/app/callback.js", &noting("1"));
    host.wait_for(TAKEN);
    replace(&folder, "scripts/app/callback.js", &noting("0"));
    host.wait_for_many(TAKEN, 2);
    assert_eq!(host.said().matches(UNDONE).count(), 3, "{}", host.said());
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn a_change_is_refused_once_however_often_its_files_are_touched() {
    let folder = Folder::new(&noting("0"), "");
    let sound = fs::read_to_string(folder.path("app-params.toml")).unwrap();
    let host = folder.serve();
    folder.write("scripts/app/migrations/002.sql", "CREATE TABEL wrong (x);");
    host.wait_for("MIGRATION_FAILED");
    replace(&folder, "scripts/app/migrations/002.sql", "CREATE TABEL wrong (x);");
    replace(&folder, "scripts/app/callback.js", &noting("0"));
    // Whatever was seen until now has been looked at when this is told.
    replace(&folder, "app-params.toml", "[host");
    host.wait_for("PARAMS_SYNTAX");
    replace(&folder, "app-params.toml", &sound);
    host.wait_for("the parameter file is again what is in force");
    assert_eq!(host.said().matches("MIGRATION_FAILED").count(), 1, "{}", host.said());
    assert_eq!(host.terminate(), Some(0));
}

#[test]
fn a_run_in_flight_ends_on_the_version_that_it_began_with() {
    let twilio = Twilio::listen();
    let action = |note: &str| {
        format!(
            "if (vo.MessageStatus === 'start') utils.whatsapp.send({{ to: '+393331234567', body: 'x' }});\n{}",
            noting(note)
        )
    };
    let folder = Folder::new(&action("old"), &format!("api_base_url = \"{}\"", twilio.url));
    let host = folder.serve();
    assert_eq!(callback(&host.url, &host.url, PATH, &form(&sid(1), "start"), TOKEN).status, 204);
    let (_, answer) = twilio.asked();
    folder.write("scripts/app/callback.js", &action("new"));
    host.wait_for(TAKEN);
    assert_eq!(post(&host, 2, TOKEN), 204);
    host.wait_for("ran new");
    answer.send(taken(&sid(50))).unwrap();
    host.wait_for("ran old");
    let runs = shown(&folder, &["runs", "list", "--json"]);
    assert_eq!(runs.len(), 2);
    assert_ne!(runs[0]["scriptVersion"], runs[1]["scriptVersion"]);

    // A migration waits until no run is open.
    assert_eq!(callback(&host.url, &host.url, PATH, &form(&sid(3), "start"), TOKEN).status, 204);
    let (_, answer) = twilio.asked();
    folder.write("scripts/app/migrations/002.sql", "ALTER TABLE effects RENAME COLUMN note TO remark;");
    signal(host.pid(), "-HUP");
    host.wait_for("SIGHUP");
    assert_eq!(post(&host, 4, TOKEN), 204);
    answer.send(taken(&sid(51))).unwrap();
    host.wait_for_many(TAKEN, 2);
    host.wait_for_many("ran new", 3);
    assert_eq!(host.terminate(), Some(0));
    assert_eq!(folder.texts("SELECT remark FROM effects ORDER BY rowid"), ["new", "old", "new", "new"]);
    assert_eq!(folder.count("SELECT count(*) FROM runs WHERE reason <> 'completed' OR attempts <> 1"), 0);
}

#[test]
fn a_secret_from_the_environment_stays_what_it_was_when_parameters_are_read_again() {
    let folder = Folder::new(&noting("0"), "");
    let text = fs::read_to_string(folder.path("app-params.toml")).unwrap();
    let text = text.replace(&format!("\"{TOKEN}\""), "{ env = \"THE_KEY\" }");
    folder.write("app-params.toml", &text);
    let host = folder.serve_with(&[("THE_KEY", "from the environment")]);
    assert_eq!(post(&host, 1, "from the environment"), 204);
    replace(&folder, "app-params.toml", &format!("{text}\n[applications.app.parameters]\nx = 1\n"));
    host.wait_for(TAKEN);
    assert_eq!(post(&host, 2, "from the environment"), 204);
    assert_eq!(host.terminate(), Some(0));
}

/// A script that is a link to a hidden place, as far as the application's folder goes: there nobody watches.
#[test]
fn what_cannot_be_watched_is_taken_over_when_the_host_is_told_to_look() {
    let folder = Folder::new(&noting("0"), "");
    fs::remove_file(folder.path("scripts/app/callback.js")).unwrap();
    folder.write("scripts/app/.store/callback.js", &noting("old"));
    std::os::unix::fs::symlink(".store/callback.js", folder.path("scripts/app/callback.js")).unwrap();
    let host = folder.serve();
    assert_eq!(post(&host, 1, TOKEN), 204);
    host.wait_for("ran old");
    folder.write("scripts/app/.store/callback.js", &noting("new"));
    signal(host.pid(), "-HUP");
    host.wait_for(TAKEN);
    assert_eq!(post(&host, 2, TOKEN), 204);
    host.wait_for("ran new");
    assert_eq!(host.terminate(), Some(0));
}
